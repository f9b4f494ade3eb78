import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compareContracts, type Change } from '../../scripts/contract/comparison.ts';
import { judgeContract } from '../../scripts/contract/verdict.ts';
import { isAtLeast, leastVersion } from '../../scripts/contract/version.ts';
import { plantedBreaks, plantedHarmless, releasedContract, type Contract } from './planted-changes.ts';

const folder = mkdtempSync(join(tmpdir(), 'vitalgate-breaks-'));
const fileOf = (name: string, contract: Contract): string => {
  const file = join(folder, `${name}.json`);
  writeFileSync(file, JSON.stringify(contract));
  return file;
};
const changed = (...changes: readonly ((contract: Contract) => void)[]): Contract => {
  const contract = structuredClone(releasedContract);
  for (const change of changes) change(contract);
  return contract;
};
const released = fileOf('released', releasedContract);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Each change is in an operation of its own, so that all are found in one comparison or missed by name. */
const changesAt = (changes: readonly Change[], path: string): Change[] => changes.filter(({ at }) => at.startsWith(`#/paths/~1${path}/`) || at === `#/paths/~1${path}`);

describe('a break of the contract is found', () => {
  let changes: Change[] = [];
  beforeAll(async () => {
    changes = await compareContracts(released, fileOf('broken', changed(...plantedBreaks.map(({ plant }) => plant))));
  });

  test.each(plantedBreaks)('$situation', ({ path, told }) => {
    expect(changesAt(changes, path).filter(({ impact }) => impact === 'break').map((change) => change.told).join('\n')).toMatch(told);
  });
});

describe('what breaks nobody is no break', () => {
  let changes: Change[] = [];
  beforeAll(async () => {
    changes = await compareContracts(released, fileOf('harmless', changed(...plantedHarmless.map(({ plant }) => plant))));
  });

  test.each(plantedHarmless)('$situation', ({ path, impact }) => {
    const found = changesAt(changes, path);
    expect(found.filter((change) => change.impact === 'break')).toEqual([]);
    expect(found.some((change) => change.impact === impact)).toBe(impact !== undefined);
  });
});

describe('the version says what has changed', () => {
  test.each([
    { released: '0.1.0', impact: 'break', least: '0.2.0' },
    { released: '0.1.3', impact: 'addition', least: '0.1.4' },
    { released: '0.1.3', impact: 'wording', least: '0.1.3' },
    { released: '1.4.2', impact: 'break', least: '2.0.0' },
    { released: '1.4.2', impact: 'addition', least: '1.5.0' },
    { released: '1.4.2', impact: 'wording', least: '1.4.2' },
  ] as const)('a $impact after $released needs $least', ({ released: from, impact, least }) => {
    expect(leastVersion(from, impact)).toBe(least);
  });

  test.each<[string, string, boolean]>([['0.2.0', '0.2.0', true], ['0.10.0', '0.9.9', true], ['1.0.0', '0.9.9', true], ['0.9.9', '0.10.0', false], ['1.9.9', '2.0.0', false]])('%s reaches %s: %s', (version, least, reached) => {
    expect(isAtLeast(version, least)).toBe(reached);
  });

  test('what is no version is refused', () => {
    expect(() => leastVersion('v1', 'break')).toThrow('info.version is three numbers');
  });

  const [first] = plantedBreaks;
  const breaking = (version: string): Contract => changed(first?.plant ?? (() => undefined), (contract) => (contract.info.version = version));
  test.each([
    { situation: 'a break under the released version', version: '1.0.0', isKept: false, told: 'planted: 1 break and 0 additions since 1.0.0; info.version must be 2.0.0 or later, and is 1.0.0\n  break     #/paths/~1' },
    { situation: 'a break under a version that says so', version: '2.0.0', isKept: true, told: 'planted: 1 break and 0 additions since 1.0.0; version 2.0.0 says so' },
  ])('$situation', async ({ version, isKept, told }) => {
    const verdict = await judgeContract('planted', released, fileOf(`as-${version}`, breaking(version)));
    expect(verdict).toEqual({ isKept, told: expect.stringContaining(told) });
  });

  test('what is no specification is an error, and not a contract that is kept', async () => {
    const file = join(folder, 'none.json');
    writeFileSync(file, '{"openapi": "3.1.0"');
    await expect(judgeContract('planted', released, file)).rejects.toThrow();
  });
});

test('each service has a released contract', () => {
  const versions = ['bff', 'device-manager', 'user-manager'].map((service) => JSON.parse(readFileSync(join(import.meta.dirname, '../../openapi/released', `${service}.json`), 'utf8')) as Contract).map(({ info }) => info.version);
  expect(versions).toEqual(versions.map(() => expect.stringMatching(/^\d+\.\d+\.\d+$/)));
});
