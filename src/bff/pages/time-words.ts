import { kept, keep } from './memory.ts';

/** The zone of the browser, as IANA names it. */
export const ownZone = Intl.DateTimeFormat().resolvedOptions().timeZone;

const isZone = (name: string): boolean => {
  try {
    return Intl.DateTimeFormat(undefined, { timeZone: name }).format(0) !== '';
  } catch {
    return false;
  }
};

/** The zone in which times are told: as chosen, else that of the browser. */
export const zone = (): string => {
  const choice = kept('zone');
  return choice !== undefined && isZone(choice) ? choice : ownZone;
};

/** Tells times in another zone from now on. */
export const chooseZone = (name: string): void => keep('zone', name);

/** All zones that the browser knows. */
export const zones = (): readonly string[] => Intl.supportedValuesOf('timeZone');

const formats = new Map<string, Intl.DateTimeFormat>();

/** A format of the browser's locale; making one is slow, so each is made once. */
export const format = (options: Intl.DateTimeFormatOptions, timeZone = zone()): Intl.DateTimeFormat => {
  const name = JSON.stringify([options, timeZone]);
  const made = formats.get(name) ?? new Intl.DateTimeFormat(undefined, { ...options, timeZone });
  formats.set(name, made);
  return made;
};

const msOf = (instant: string | number): number => (typeof instant === 'number' ? instant : Date.parse(instant));

const hourMs = 3_600_000;
const clockFormat = { hourCycle: 'h23', hour: 'numeric', minute: 'numeric', second: 'numeric' } as const;

/** Milliseconds that the clock of a zone shows since midnight. */
const clockMs = (ms: number, timeZone: string): number => {
  const parts = new Map(format(clockFormat, timeZone).formatToParts(ms).map(({ type, value }) => [type, Number(value)]));
  return (parts.get('hour') ?? 0) * hourMs + (parts.get('minute') ?? 0) * 60_000 + (parts.get('second') ?? 0) * 1000 + (((ms % 1000) + 1000) % 1000);
};

/** Where the day of an instant begins in a zone, in milliseconds since 1970; also on days when the clock changes. */
export const startOfDay = (ms: number, timeZone = zone()): number => {
  const start = ms - clockMs(ms, timeZone);
  const shown = clockMs(start, timeZone);
  // Since midnight the clock went on, or back: what it shows there is that much off.
  if (shown !== 0) return start + (shown > 12 * hourMs ? 24 * hourMs - shown : -shown);
  return clockMs(start - 1, timeZone) < 12 * hourMs ? start - 1 - clockMs(start - 1, timeZone) : start;
};

/** Where the day after that of an instant begins in a zone. */
export const nextDay = (ms: number, timeZone = zone()): number => startOfDay(startOfDay(ms, timeZone) + 36 * hourMs, timeZone);

/** When the clock of a zone has gone on by less than a day since an instant. */
export const laterByClock = (ms: number, byMs: number, timeZone = zone()): number => {
  const ahead = clockMs(ms + byMs, timeZone) - clockMs(ms, timeZone) - byMs;
  // Across midnight a clock begins anew.
  return ms + byMs - (ahead - Math.round(ahead / (24 * hourMs)) * 24 * hourMs);
};

/** An instant as day and minute. */
export const minuteOf = (instant: string | number): string => format({ dateStyle: 'medium', timeStyle: 'short' }).format(msOf(instant));

/** An instant as a day. */
export const dayOf = (instant: string | number): string => format({ dateStyle: 'medium' }).format(msOf(instant));

/** An instant as a day, without the year where it is this one. */
export const shortDayOf = (instant: string | number): string => {
  const year = format({ year: 'numeric' });
  return year.format(msOf(instant)) === year.format(Date.now()) ? format({ day: 'numeric', month: 'short' }).format(msOf(instant)) : dayOf(instant);
};

/** An instant as a time of its day. */
export const timeOf = (instant: string | number): string => format({ timeStyle: 'short' }).format(msOf(instant));

/** A day in words for the head of a list. */
export const longDayOf = (instant: string | number): string => format({ weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' }).format(msOf(instant));

/** From one instant to another, as days. */
export const daysFrom = (fromMs: number, toMs: number): string => format({ dateStyle: 'medium' }).formatRange(fromMs, toMs);

/** From one instant to another, as minutes. */
export const minutesFrom = (fromMs: number, toMs: number): string => format({ dateStyle: 'medium', timeStyle: 'short' }).formatRange(fromMs, toMs);
