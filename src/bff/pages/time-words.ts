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
