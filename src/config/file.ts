import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { fileAccess } from '../file-access.ts';
import { mistakeInFile } from './names.ts';

/** What a file of settings says; mistakes name lines and settings, never values. */
export interface SettingsFile {
  readonly path: string;
  readonly values: Readonly<Record<string, string>>;
  readonly mistakes: readonly string[];
  /** Whether its group or others may read it. */
  readonly isOpenToOthers: boolean;
}

const assignment = /^\s*(?:export\s+)?([A-Za-z_][\w-]*)\s*=(.*)$/;
/** All in quotes, or without a # but before a comment: anything else would be cut without a word. */
const wholeValue = /^\s*(?:(["'`])(?:(?!\1).)*\1\s*|[^"'`#\s][^#]*)?(?:(?<!\S)#.*)?$/;

const judge = (line: string, known: Readonly<Record<string, string>>): { readonly name: string; readonly value: string } | { readonly mistake: string } => {
  const [, name, value = ''] = assignment.exec(line) ?? [];
  if (name === undefined) return { mistake: 'is not NAME=value' };
  const mistake = mistakeInFile(name);
  if (mistake !== undefined) return { mistake };
  if (Object.hasOwn(known, name)) return { mistake: `${name} is given a second time` };
  if (!wholeValue.test(value)) return { mistake: `${name} has a quote or a # in its value: put quotes of another kind around the whole of it` };
  return { name, value: parseEnv(line)[name] ?? '' };
};

const readLines = (path: string, text: string): Pick<SettingsFile, 'values' | 'mistakes'> => {
  const values: Record<string, string> = {};
  const mistakes: string[] = [];
  for (const [index, line] of text.replace(/^\uFEFF/, '').split(/\r\n?|\n/).entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const judged = judge(line, values);
    if ('mistake' in judged) mistakes.push(`${path}, line ${index + 1}: ${judged.mistake}`);
    else values[judged.name] = judged.value;
  }
  return { values, mistakes };
};

/** Whether its group or others may read a file; the environment says whether it is a credential. */
const isOpen = (path: string, environment: Readonly<Record<string, string | undefined>>): boolean => {
  const { group, others } = fileAccess(path, environment);
  return ((group | others) & 0o044) !== 0;
};

/** Reads a file of `NAME=value` lines with `#` comments. One that cannot be read is a mistake as well. */
export const readSettingsFile = (given: string, environment: Readonly<Record<string, string | undefined>>): SettingsFile => {
  const path = resolve(given);
  try {
    return { path, isOpenToOthers: isOpen(path, environment), ...readLines(path, readFileSync(path, 'utf8')) };
  } catch (error) {
    return { path, values: {}, mistakes: [`the settings file ${path} cannot be read (${String((error as NodeJS.ErrnoException).code)})`], isOpenToOthers: false };
  }
};
