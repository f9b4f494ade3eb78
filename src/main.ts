import { openCodeCache } from './code-cache.ts';

openCodeCache();
// Everything else is loaded after that, so that it comes from there.
const { runCommandLine } = await import('./cli/run.ts');
// `npm start -- …` is `vitalgate start …`.
await runCommandLine(['start', ...process.argv.slice(2)]);
