import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { raisedAt, type Alarm, type Scrape } from './alarm.ts';
import type { Series } from './exposition.ts';

interface Rule extends Alarm {
  readonly alert: string;
}
const rules = (parse(readFileSync(join(import.meta.dirname, '../../operations/prometheus/alerts.yaml'), 'utf8')) as { groups: { rules: Rule[] }[] }).groups.flatMap((group) => group.rules);
const ruleOf = (name: string): Rule => {
  const rule = rules.find(({ alert }) => alert === name);
  if (rule === undefined) throw new Error(`no alarm ${name}`);
  return rule;
};

const MINUTE = 60;
const HOUR = 3600;
type At = (seconds: number) => readonly Series[] | undefined;

/** A scrape each minute. */
const scrapes = (untilSeconds: number, at: At): Scrape[] => Array.from({ length: untilSeconds / MINUTE + 1 }, (_, minute) => ({ atSeconds: minute * MINUTE, series: at(minute * MINUTE) }));
const always = (labels: Readonly<Record<string, string>>, value: number): At => () => [{ labels, value }];
/** Without what the scrapes of some time found. */
const without = (gaps: readonly (readonly [from: number, until: number])[], at: At): At => (seconds) => (gaps.some(([from, until]) => seconds >= from && seconds < until) ? undefined : at(seconds));

describe('a delivery in quarantine', () => {
  const waiting = { kind: 'quarantined', reason: 'device-unknown' };
  const ageSince = (receivedAt: number): At => (seconds) => [{ labels: waiting, value: Math.max(0, seconds - receivedAt) }];
  const everyHour = Array.from({ length: 30 }, (_, hour) => [hour * HOUR, hour * HOUR + 3 * MINUTE] as const);

  test.each<[string, At, readonly [number, number] | undefined]>([
    ['is told a day after it was received', ageSince(0), [24 * HOUR, 24.5 * HOUR]],
    ['is told then also when scrapes are missed each hour', without(everyHour, ageSince(0)), [24 * HOUR, 24.5 * HOUR]],
    ['is told then also when nobody scraped for half a day', without([[HOUR, 13 * HOUR]], ageSince(0)), [24 * HOUR, 24.5 * HOUR]],
    ['is not told when others are there all day, each for some hours', (seconds) => ageSince(Math.floor(seconds / (6 * HOUR)) * 6 * HOUR)(seconds), undefined],
    ['is not told when it conflicts, which another alarm tells', always({ kind: 'conflicting', reason: 'conflicting-delivery' }, 1e6), undefined],
  ])('%s', (_situation, at, wanted) => {
    const raised = raisedAt(ruleOf('VitalgateQuarantineOld'), scrapes(30 * HOUR, at));
    if (wanted === undefined) expect(raised).toBeUndefined();
    else expect([raised !== undefined && raised >= wanted[0], raised !== undefined && raised <= wanted[1]]).toEqual([true, true]);
  });
});

const held: Readonly<Record<string, At>> = {
  VitalgateEventLoopDelayed: always({ job: 'vitalgate', instance: 'a' }, 0.5),
  VitalgateMemory: always({ job: 'vitalgate', instance: 'a' }, 2e9),
  VitalgateInboxFailed: always({ kind: 'failed', reason: 'rule-failed' }, 1),
  VitalgateQuarantineOld: always({ kind: 'quarantined', reason: 'device-unknown' }, 1e5),
  VitalgateSubmissionsWaiting: always({ state: 'waiting', reason: 'tmm-unavailable' }, 1),
};
const minutesOf = ({ for: wait = '0m' }: Rule): number => (/^\d+m$/.test(wait) ? Number.parseInt(wait, 10) : Number.NaN);

describe('alarms that wait ten minutes or longer', () => {
  test('are those that are evaluated here, and those of rates, whose windows bridge a gap', () => {
    const long = rules.filter((rule) => !(minutesOf(rule) < 10));
    expect(long.filter(({ expr }) => !expr.includes('rate(')).map(({ alert }) => alert).toSorted()).toEqual(Object.keys(held).toSorted());
    expect(long.filter(({ expr }) => expr.includes('rate(') && !/\[([5-9]|\d\d)m\]/.test(expr))).toEqual([]);
  });

  test.each(Object.entries(held))('%s does not begin anew when scrapes of four minutes are missed', (name, at) => {
    const rule = ruleOf(name);
    expect(raisedAt(rule, scrapes(HOUR, without([[5 * MINUTE, 9 * MINUTE]], at)))).toBe(minutesOf(rule) * MINUTE);
  });

  test.each(Object.entries(held))('%s does begin anew when it was well for ten minutes', (name, at) => {
    const rule = ruleOf(name);
    const raised = raisedAt(rule, scrapes(HOUR, (seconds) => (seconds >= 4 * MINUTE && seconds < 14 * MINUTE ? [] : at(seconds))));
    expect(raised).toBe((14 + minutesOf(rule)) * MINUTE);
  });

  test('evaluated with a plain figure, the gap would begin them anew', () => {
    const plain = { expr: 'max by (reason) (vitalgate_submissions{state="waiting"}) > 0', for: '30m' };
    expect(raisedAt(plain, scrapes(HOUR, without([[5 * MINUTE, 6 * MINUTE]], always({ state: 'waiting', reason: 'x' }, 1))))).toBe(36 * MINUTE);
    expect(() => raisedAt({ expr: 'sum(rate(a[5m])) > 1' }, [])).toThrow('not evaluated here');
  });
});
