import { startShell } from './shell.ts';
import { applyTheme } from './theme-switch.ts';

applyTheme();
await startShell();
