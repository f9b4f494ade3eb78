#!/usr/bin/env -S node --max-semi-space-size=16
import { openCodeCache } from '../code-cache.ts';

openCodeCache();
const { runCommandLine } = await import('./run.ts');
await runCommandLine(process.argv.slice(2));
