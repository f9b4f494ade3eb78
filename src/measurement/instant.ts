import { isoOf, readUsual } from './usual-date-time.ts';
import { offsetsOf } from './time-zone.ts';

/** A point in time as it was written: `epochMs` and `iso` are UTC to the millisecond, `text` is the original to its last digit. */
export interface Instant {
  readonly epochMs: number;
  readonly iso: string;
  /** Minutes east of UTC that the text names (0 for Z and for epoch numbers). */
  readonly offsetMinutes: number;
  readonly text: string;
}

const DATE_TIME = /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(?: ?([Zz]|[+-]\d{2}:?\d{2}))?$/;
/** A 12-hour clock, which phones set to one write even into machine formats, with any space before the half of the day. */
const TWELVE_HOUR = /^(\d{4}-\d{2}-\d{2})[Tt ](\d{1,2})(:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)[ \u00a0\u202f]?([AaPp])\.?[Mm]\.?(?:[ \u00a0\u202f]?([Zz]|[+-]\d{2}:?\d{2}))?$/;
const MINUTE = 60_000;
const MAX_OFFSET_MINUTES = 14 * 60;
/** As seconds it is the year 5138, as milliseconds 1973: the border between the two readings of an epoch number. */
const FIRST_EPOCH_MS = 1e11;

interface WallClock {
  /** Milliseconds since 1970 as if the clock showed UTC. */
  readonly ms: number;
  readonly zone: string | undefined;
}

/** The years that an instant may lie in, as milliseconds since 1970; `end` is the first that does not. */
interface Era {
  readonly start: number;
  readonly end: number;
}
const MEASURED: Era = { start: Date.UTC(1900, 0), end: Date.UTC(2201, 0) };
const WRITTEN: Era = { start: Date.parse('0001-01-01T00:00:00Z'), end: Date.UTC(10_000, 0) };
const isIn = ({ start, end }: Era, ms: number): boolean => ms >= start && ms < end;

function instantAt(epochMs: number, offsetMinutes: number, text: string, era: Era): Instant | undefined {
  if (!isIn(era, epochMs)) return undefined;
  return { epochMs, iso: isoOf(epochMs), offsetMinutes, text };
}

/** The time on a 24-hour clock; undefined where the text shows none of 12 hours. */
function onLongClock(text: string): string | undefined {
  const [, day, hour = '', rest = '', half = '', zone = ''] = TWELVE_HOUR.exec(text) ?? [];
  const shown = Number(hour);
  if (day === undefined || shown < 1 || shown > 12) return undefined;
  const hours = (shown % 12) + (half.toLowerCase() === 'p' ? 12 : 0);
  return `${day} ${String(hours).padStart(2, '0')}${rest}${zone}`;
}

function readWallClock(text: string, era: Era): WallClock | undefined {
  const match = DATE_TIME.exec(text) ?? DATE_TIME.exec(onLongClock(text) ?? '');
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map((part) => Number(part || '0'));
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const fraction = Number((match[7] ?? '').padEnd(3, '0').slice(0, 3));
  // Date.UTC turns the years 0 to 99 into 1900 to 1999.
  const ms = new Date(Date.UTC(2000, 0, 1, hour, minute, second, fraction)).setUTCFullYear(year, month - 1, day);
  const date = new Date(ms);
  // It turned 30 February into 1 March.
  if (date.getUTCFullYear() !== year || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  return isIn(era, ms) ? { ms, zone: match[8] } : undefined;
}

function offsetOf(zone: string): number | undefined {
  if (zone === 'Z' || zone === 'z') return 0;
  const minutes = Number(zone.slice(-2));
  const total = Number(zone.slice(1, 3)) * 60 + minutes;
  if (minutes > 59 || total > MAX_OFFSET_MINUTES) return undefined;
  return zone.startsWith('-') ? -total : total;
}

function readText(text: string, era: Era): Instant | 'no-zone' | undefined {
  const usual = readUsual(text);
  if (usual !== undefined) return instantAt(usual.epochMs, usual.offsetMinutes, text, era);
  const clock = readWallClock(text, era);
  if (clock === undefined) return undefined;
  if (clock.zone === undefined) return 'no-zone';
  const offset = offsetOf(clock.zone);
  return offset === undefined ? undefined : instantAt(clock.ms - offset * MINUTE, offset, text, era);
}

/**
 * Reads ISO 8601 date and time with Z, ±hh:mm or ±hhmm (HealthKit bridges), T or a space, up to nine digits of a second, and a clock
 * of 24 or, with AM or PM, of 12 hours; or a number of seconds or milliseconds since 1970. 'no-zone' when only the zone is missing;
 * undefined for anything else, days that are not in the calendar, and years outside 1900 to 2200 (a Buddhist 2567, a clock at year 1).
 */
export function parseInstant(text: string | number): Instant | 'no-zone' | undefined {
  if (typeof text === 'string') return readText(text, MEASURED);
  if (!Number.isFinite(text) || text < 0) return undefined;
  return instantAt(Math.floor(text < FIRST_EPOCH_MS ? text * 1000 : text), 0, String(text), MEASURED);
}

/**
 * Reads an instant that nobody measured, such as an end or a bound of a search: as parseInstant does, but of the years 1 to 9999
 * ("9999-12-31T23:59:59Z" stands for never), and a day alone as its midnight in UTC.
 */
export const parseBound = (text: string): Instant | 'no-zone' | undefined => readText(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : text, WRITTEN);

/**
 * Reads a date and time that names no zone as the wall clock of an IANA zone ("Europe/Rome"). An hour that the clock shows twice is
 * the first of the two, an hour that it skips is moved on by the skipped time. Undefined when the zone is unknown or the text does
 * name a zone or is no date.
 */
export function parseInstantIn(text: string, timeZone: string): Instant | undefined {
  const clock = readWallClock(text, MEASURED);
  if (clock === undefined || clock.zone !== undefined) return undefined;
  const offset = offsetsOf(timeZone);
  if (offset === undefined) return undefined;
  const day = 24 * 60 * MINUTE;
  const before = offset(clock.ms - day);
  const after = offset(clock.ms + day);
  const fits = [before, after].find((minutes) => offset(clock.ms - minutes * MINUTE) === minutes);
  const minutes = fits ?? before;
  return instantAt(clock.ms - minutes * MINUTE, minutes, text, MEASURED);
}
