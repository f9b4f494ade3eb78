import type { Impact } from './comparison.ts';

type Version = readonly [major: number, minor: number, patch: number];

const read = (text: string): Version => {
  const match = /^(\d+)\.(\d+)\.(\d+)$/.exec(text);
  if (match === null) throw new Error(`info.version is three numbers, as in 1.4.0, and not ${text}.`);
  return [Number(match[1]), Number(match[2]), Number(match[3])];
};

/** The least version that may follow a released one after such changes (Semantic Versioning 2.0.0; before 1.0.0 each part stands one further right). */
export const leastVersion = (released: string, impact: Impact): string => {
  const [major, minor, patch] = read(released);
  const isYoung = major === 0;
  if (impact === 'break') return isYoung ? `0.${minor + 1}.0` : `${major + 1}.0.0`;
  if (impact === 'addition') return isYoung ? `0.${minor}.${patch + 1}` : `${major}.${minor + 1}.0`;
  return released;
};

/** True where `version` comes after `least` or is the same. Throws for what is no version. */
export const isAtLeast = (version: string, least: string): boolean => {
  const [a, b] = [read(version), read(least)];
  const differing = a.findIndex((part, index) => part !== b[index]);
  return differing === -1 || (a[differing] ?? 0) > (b[differing] ?? 0);
};
