import type { Series } from './exposition.ts';
import { readQuery } from './query.ts';

/** An alarm as far as it is evaluated here: the greatest value by labels of one figure, with or without a look back, above a bound, for a time. */
export interface Alarm {
  readonly expr: string;
  readonly for?: string;
}

/** What a scrape found of one figure; undefined when it found nothing, because it was missed or the figure was left out. */
export interface Scrape {
  readonly atSeconds: number;
  readonly series: readonly Series[] | undefined;
}

const secondsIn = (duration: string): number => {
  const [, count = '', unit = ''] = /^(\d+)([smhd])$/.exec(duration) ?? [];
  return Number(count) * ({ s: 1, m: 60, h: 3600, d: 86_400 }[unit] ?? Number.NaN);
};

const shape = /^max by \(([\w, ]+)\) \((?:(last_over_time)\()?\w+(?:\{[^}]*\})?(?:\[(\d+[smhd])\]\))?\) > (\S+)$/;

const readAlarm = ({ expr, for: wait = '0s' }: Alarm) => {
  const [, labels = '', lookBack, range, bound = ''] = shape.exec(expr) ?? [];
  const [selector] = readQuery(expr).selectors;
  if (labels === '' || selector === undefined || (lookBack === undefined) !== (range === undefined)) throw new Error(`not evaluated here: ${expr}`);
  return { labels: labels.split(', '), selector, rangeSeconds: range === undefined ? 0 : secondsIn(range), bound: Number(bound), waitSeconds: secondsIn(wait) };
};

const fits = ({ labels }: Series, matchers: readonly { label: string; operator: string; value: string }[]): boolean =>
  matchers.every(({ label, operator, value }) => {
    const isLike = operator.includes('~') ? new RegExp(`^(?:${value})$`).test(labels[label] ?? '') : (labels[label] ?? '') === value;
    return operator.startsWith('!') ? !isLike : isLike;
  });

/** What an alarm compares with its bound at one time: the last value of each series within its look back, the greatest of each group. */
const valuesAt = ({ labels, selector, rangeSeconds }: ReturnType<typeof readAlarm>, scrapes: readonly Scrape[], atSeconds: number): ReadonlyMap<string, number> => {
  // What a scrape does not find is gone at once for an instant: Prometheus marks it as stale.
  const seen = scrapes.filter((scrape) => (rangeSeconds === 0 ? scrape.atSeconds === atSeconds : scrape.atSeconds > atSeconds - rangeSeconds && scrape.atSeconds <= atSeconds));
  const last = new Map(seen.flatMap(({ series = [] }) => series).filter((one) => fits(one, selector.matchers)).map((one) => [JSON.stringify(one.labels), one]));
  const groups = new Map<string, number>();
  for (const { labels: own, value } of last.values()) {
    const group = labels.map((label) => own[label] ?? '').join(' ');
    groups.set(group, Math.max(value, groups.get(group) ?? Number.NEGATIVE_INFINITY));
  }
  return groups;
};

/** When an alarm is raised for the first time, evaluated with each scrape, in seconds; undefined when it never is. Throws for a query of another shape. */
export const raisedAt = (alarm: Alarm, scrapes: readonly Scrape[]): number | undefined => {
  const read = readAlarm(alarm);
  const since = new Map<string, number>();
  for (const { atSeconds } of scrapes) {
    const above = new Set([...valuesAt(read, scrapes, atSeconds)].filter(([, value]) => value > read.bound).map(([group]) => group));
    for (const group of since.keys()) if (!above.has(group)) since.delete(group);
    for (const group of above) if (!since.has(group)) since.set(group, atSeconds);
    if ([...since.values()].some((from) => atSeconds - from >= read.waitSeconds)) return atSeconds;
  }
  return undefined;
};
