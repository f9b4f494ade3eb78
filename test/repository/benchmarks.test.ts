import { describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inLanes, isMet, medianOf, type Benchmark, type Bound } from '../../bench/setup/benchmark.ts';
import { benchedSettings } from '../../bench/setup/person.ts';
import { benchmarkNames } from '../../bench/setup/result.ts';
import { settings } from '../../src/config/settings.ts';

/** A part of the program alone, and services as processes of their own, with the same settings. */
const withoutProgram = new Set(['xml-gate']);
const ofServices = new Set(['instances', 'start']);
const root = join(import.meta.dirname, '..', '..');
const sourceOf = (name: string) => readFileSync(join(root, 'bench', `${name}.ts`), 'utf8');

describe('benchmarks', () => {
  test('what is benched is the program with the settings it has by itself, but for quiet logs and no bound on uploads', () => {
    expect(benchedSettings).toEqual({ LOG_LEVEL: 'warn', UPLOADS_PER_MINUTE: '1000000' });
    expect(Object.keys(settings)).toEqual(expect.arrayContaining(Object.keys(benchedSettings)));
  });

  test.each(benchmarkNames())('%s says what it does, and starts no program with other settings', async (name) => {
    const { benchmark } = (await import(`../../bench/${name}.ts`)) as { benchmark: Benchmark };
    expect([benchmark.title, benchmark.about].every((text) => text.length > 0)).toBe(true);
    const source = sourceOf(name);
    expect(source).not.toMatch(/startProgram|startPlainProgram|startVitalgate/);
    expect(source.includes(ofServices.has(name) ? 'benchedSettings' : 'startBenched(') || withoutProgram.has(name)).toBe(true);
  });

  test.each([['1000', {}], ['30', { BENCH_SAMPLES_PER_UPLOAD: '30' }]])('an upload holds %s samples with %j', (samples, environment) => {
    const told = execFileSync(process.execPath, ['--eval', "import('./bench/setup/uploading.ts').then((it) => console.log(it.SAMPLES_PER_UPLOAD))"], { cwd: root, encoding: 'utf8', env: { PATH: process.env['PATH'], ...environment } });
    expect(told.trim()).toBe(samples);
  });

  test.each<[string, number, Bound, boolean]>([
    ['enough', 1, { is: 'at least', must: 1 }, true],
    ['too little', 0.99, { is: 'at least', must: 1 }, false],
    ['little enough', 1.5, { is: 'at most', must: 1.5 }, true],
    ['too much', 1.51, { is: 'at most', must: 1.5 }, false],
    ['nothing measured', Number.NaN, { is: 'at least', must: 0.1 }, false],
  ])('a figure that is %s is told so', (_situation, reached, bound, expected) => {
    expect(isMet({ what: '', against: '', reached, bound })).toBe(expected);
  });

  test('the figure in the middle is the median, and lanes do each thing once, so many at a time', async () => {
    expect([medianOf([3, 1, 2]), medianOf([5]), Number.isNaN(medianOf([]))]).toEqual([2, 5, true]);
    const done: number[] = [];
    let [now, most] = [0, 0];
    await inLanes(3, [1, 2, 3, 4, 5, 6, 7], async (one) => {
      now += 1;
      most = Math.max(most, now);
      await Promise.resolve();
      done.push(one);
      now -= 1;
    });
    expect([done.toSorted((a, b) => a - b), most]).toEqual([[1, 2, 3, 4, 5, 6, 7], 3]);
  });
});
