import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { settings, type SettingName } from '../../src/config/settings.ts';
import { UPLOAD_LIMITS } from '../../src/healthkit/limits.ts';
import { MAX_CONNECTIONS, TIMEOUTS } from '../../src/http/service-server.ts';
import { xmlLimits } from '../../src/xml/xml-gate.ts';

const root = join(import.meta.dirname, '../..');

const intro = `# Secrets, limits and timeouts

Made from the code by \`npm run generate\`; do not edit it here. [security.md](security.md) tells what they are for.

## Secrets

Settings are environment variables or lines of a settings file of mode 0600; \`npx vitalgate config\` shows them masked, and no message
holds one.

| setting | what it is | where it comes from when unset |
|---|---|---|
`;

const made = `
Made by the program itself, each in a file of mode 0600 in \`DATA_DIR\`: \`master-key\`, \`service-token\`, \`server.json\` (how the command line
reaches the embedded database), \`demo.json\` (\`--demo\` alone, in a folder that goes when it stops), \`mail/\` (mails, where no \`SMTP_URL\` is set).
`;

/** A number that bounds something: by its name. */
const BOUND = /^(MAX|MOST|LONGEST|LARGEST|SLOWEST)_|_(MS|SECONDS|MINUTES|BYTES)$/;

const productOf = (text: string): number | undefined => {
  const factors = text.replaceAll('_', '').split('*').map((factor) => Number(factor.trim()));
  return factors.some(Number.isNaN) ? undefined : factors.reduce<number>((product, factor) => product * factor, 1);
};

const unitOf = (name: string): string => (name.endsWith('_MS') ? ' ms' : name.endsWith('_SECONDS') ? ' s' : name.endsWith('_BYTES') ? ' bytes' : '');

/** The comment in front of a constant, its first sentence. */
const commentOf = (statement: ts.Statement, text: string): string => {
  const [comment] = (ts.getLeadingCommentRanges(text, statement.pos) ?? []).slice(-1);
  const words = comment === undefined ? '' : text.slice(comment.pos, comment.end).replaceAll(/^\/\*\*?|\*\/$|^\s*\* ?|^\/\/ ?/gm, '').replaceAll(/\s+/g, ' ').trim();
  return /^(.*?[.:])(\s|$)/.exec(words)?.[1] ?? words;
};

interface Bound { readonly name: string; readonly value: number; readonly file: string; readonly meaning: string }

const boundsIn = (file: string): Bound[] => {
  const text = readFileSync(join(root, file), 'utf8');
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  return source.statements.filter(ts.isVariableStatement).flatMap((statement) =>
    statement.declarationList.declarations.flatMap((declaration): Bound[] => {
      const name = declaration.name.getText();
      const value = declaration.initializer === undefined ? undefined : productOf(declaration.initializer.getText());
      return BOUND.test(name) && !name.startsWith('DAY_') && value !== undefined ? [{ name, value, file, meaning: commentOf(statement, text) }] : [];
    }));
};

const row = (...cells: string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;

/** The page on all secrets, limits and timeouts, from the settings and the constants of the code. */
export const securityInventoryPage = (): string => {
  const names = Object.keys(settings) as SettingName[];
  const secrets = names.filter((name) => settings[name].secret !== 'no').map((name) => row(`\`${name}\``, settings[name].meaning, settings[name].otherwise));
  const bounds = names.filter((name) => /_(SECONDS|MINUTES|DAYS|FAILURES)$|_PER_/.test(name)).map((name) => row(`\`${name}\``, settings[name].meaning, settings[name].otherwise));
  const connection = Object.entries(TIMEOUTS).map(([name, ms]) => row(`\`${name}\``, `${String(ms)} ms`));
  const xmlBounds: Readonly<Record<string, number>> = { ...xmlLimits };
  const bodies = [...Object.entries<number>(UPLOAD_LIMITS), ...Object.entries(xmlBounds).map(([name, value]): [string, number] => [`${name} of XML`, value])].map(([name, value]) => row(`\`${name}\``, String(value)));
  const constants = globSync('src/**/*.ts', { cwd: root }).map((file) => file.replaceAll('\\', '/')).toSorted().flatMap(boundsIn);
  return [
    `${intro}${secrets.join('\n')}\n${made}`,
    `## Limits and times that are settings\n\n| setting | meaning | default |\n|---|---|---|\n${bounds.join('\n')}\n`,
    `## Connections\n\nAt most ${String(MAX_CONNECTIONS)} at a time to each service.\n\n| of Node | value |\n|---|---|\n${connection.join('\n')}\n`,
    `## Bodies\n\n| bound | value |\n|---|---|\n${bodies.join('\n')}\n`,
    `## In the code\n\n| constant | value | file | meaning |\n|---|---|---|---|\n${constants.map(({ name, value, file, meaning }) => row(`\`${name}\``, `${String(value)}${unitOf(name)}`, `\`${file}\``, meaning)).join('\n')}\n`,
  ].join('\n');
};
