import { originalNames } from '../../src/config/names.ts';
import { settings } from '../../src/config/settings.ts';

const intro = `# Settings

Made from \`src/config/settings.ts\` by \`npm run generate\`; do not edit it here.

All settings come from the environment, or from a file that \`--config <path>\` or the variable \`VITALGATE_CONFIG\` names; the
environment wins. An empty text counts as unset, except where the table says otherwise. Wrong settings are listed together, without
their values, and nothing starts. \`npx vitalgate config\` shows which settings hold and where each comes from, secrets masked.

`;

const file = `
## The file

\`\`\`ini
# /etc/vitalgate.env, of mode 0600
DATABASE_URL=postgres://vitalgate:password@db.example.org/vitalgate
PUBLIC_URL=https://health.example.org
MAIL_FROM='Health #1 <health@example.org>'
\`\`\`

Lines of \`NAME=value\`, with comments after \`#\`. A value with a \`#\` or a quote at its beginning goes into quotes of another kind;
between \`"\`, \`\\n\` is a line break. Relative paths start at the folder in which the program was started. Every name must be a
setting and stand there once; a file that cannot be read is a mistake as well. A file with secrets that others can read is told at
start.

A password inside a URL is written with \`%2F\` for \`/\`, \`%3F\` for \`?\`, \`%23\` for \`#\` and \`%40\` for \`@\`; one that would be read as part of the
host or the path is a mistake.

## Names that are no settings

In the file they are mistakes. In the environment, which is full of names of others, they are told on standard error and nothing more:
names that begin with \`VITALGATE_\`, names that a typing error away are a setting, and these names of the original system:

| names | why they have no meaning here |
|---|---|
`;

const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
const shown = { no: '', whole: 'yes', password: 'its password' } as const;

/** The page on all settings, from the table that the program reads them by. */
export const configurationPage = (): string => {
  const rows = Object.entries(settings).map(([name, { meaning, otherwise, secret }]) => `| \`${name}\` | ${otherwise} | ${meaning} | ${shown[secret]} |`);
  const reasons = [...new Set(Object.values(originalNames))];
  const namesFor = (reason: string) => Object.keys(originalNames).filter((name) => originalNames[name] === reason);
  const originals = reasons.map((reason) => `| ${namesFor(reason).map((name) => `\`${name}\``).join(', ')} | ${capitalized(reason)}. |`);
  return `${intro}| setting | default | meaning | secret |\n|---|---|---|---|\n${rows.join('\n')}\n${file}${originals.join('\n')}\n`;
};
