import { runCommandLine } from './cli/run.ts';

// `npm start -- …` is `vitalgate start …`.
await runCommandLine(['start', ...process.argv.slice(2)]);
