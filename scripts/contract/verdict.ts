import { readFileSync } from 'node:fs';
import { compareContracts, type Change, type Impact } from './comparison.ts';
import { isAtLeast, leastVersion } from './version.ts';

/** What became of a contract since it was released, and whether its version says so. */
export interface Verdict {
  readonly isKept: boolean;
  readonly told: string;
}

const versionOf = (file: string): string => (JSON.parse(readFileSync(file, 'utf8')) as { info: { version: string } }).info.version;

const worst = (changes: readonly Change[]): Impact => (['break', 'addition'] as const).find((impact) => changes.some((one) => one.impact === impact)) ?? 'wording';

const counted = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`;

/** Judges a bundled specification by the last released one; both are files. Rejects when there is none to compare with. */
export const judgeContract = async (service: string, releasedFile: string, currentFile: string): Promise<Verdict> => {
  const changes = await compareContracts(releasedFile, currentFile);
  const [released, current] = [versionOf(releasedFile), versionOf(currentFile)];
  const least = leastVersion(released, worst(changes));
  const [breaks, additions] = (['break', 'addition'] as const).map((impact) => changes.filter((change) => change.impact === impact)) as [Change[], Change[]];
  const sum = `${service}: ${counted(breaks.length, 'break')} and ${counted(additions.length, 'addition')} since ${released}`;
  const list = [...breaks.map(({ at, told }) => `  break     ${at}: ${told}`), ...additions.map(({ at, told }) => `  addition  ${at}: ${told}`)];
  if (isAtLeast(current, least)) return { isKept: true, told: `${sum}; version ${current} says so` };
  return { isKept: false, told: [`${sum}; info.version must be ${least} or later, and is ${current}`, ...list].join('\n') };
};
