#!/usr/bin/env -S node --max-semi-space-size=16
import { runCommandLine } from './run.ts';

await runCommandLine(process.argv.slice(2));
