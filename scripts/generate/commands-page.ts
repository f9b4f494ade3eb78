import type { Command } from 'commander';
import { createProgram } from '../../src/cli/commands.ts';

const intro = `# Commands

Made from the help of the program by \`npm run generate\`; do not edit it here. \`npx vitalgate help users add\` shows the same.
`;

const helpOf = (command: Command): string => {
  let help = '';
  command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
  return help.trim();
};

/** What every page repeats is shown once, on that of the program. */
const ownPart = (help: string): string => help.replace(/\nGlobal Options:\n( .*\n)+/, '').replace(/\n*Exit codes:[\s\S]*$/, '');

const pagesOf = (command: Command, words: string): string[] => [
  `\n## ${words}\n\n\`\`\`text\n${command.parent === null ? helpOf(command) : ownPart(helpOf(command))}\n\`\`\`\n`,
  ...command.commands.flatMap((one) => pagesOf(one, `${words} ${one.name()}`)),
];

/** The page on all commands, from their help. */
export const commandsPage = (): string => {
  const nothing = () => undefined;
  return [intro, ...pagesOf(createProgram({ environment: {}, print: nothing, say: nothing }), 'vitalgate')].join('');
};
