import { parseInstant, parseInstantIn, type Instant } from '../measurement/instant.ts';
import { offsetsOf } from '../measurement/time-zone.ts';
import type { ItemFault } from './item-value.ts';
import { FUTURE_TOLERANCE_MS } from './limits.ts';

type Item = Readonly<Record<string, unknown>>;

/** When a sample began and ended; a sample without end ends when it began. */
export interface ItemDates {
  readonly start: Instant;
  readonly end: Instant;
  /** A date names no zone: it was read in that of the batch, or of metadata.HKTimeZone. */
  readonly zoneAssumed: boolean;
}

/**
 * What a clock at the place showed: minutes east of UTC, and who says so. The sample's own zone (`HKTimeZone`) is where it was
 * measured; an offset `declared` in a date is often that of the phone when it was read, as is `batch`, the zone the request names. A
 * format that writes every instant in UTC says nothing.
 */
export interface LocalOffset {
  readonly offsetMinutes: number;
  readonly offsetFrom: 'HKTimeZone' | 'declared' | 'batch';
}

function ownZone({ metadata, metadataTimeZone }: Item): string | undefined {
  const inside = typeof metadata === 'object' && metadata !== null && 'HKTimeZone' in metadata ? metadata.HKTimeZone : metadataTimeZone;
  return typeof inside === 'string' ? inside : undefined;
}

/**
 * A clock that names no zone is that of the phone when it read the sample, as Flutter has it, wherever the sample was taken: the batch
 * knows it, and the sample's own zone stands in only where the batch names none. Numbers are refused: they leak from native code and count
 * from 2001 or 1970, in seconds or milliseconds.
 */
function dateOf(item: Item, member: string, batchZone: string | undefined): { readonly instant: Instant | undefined; readonly zoneAssumed: boolean } {
  const text = item[member];
  const instant = typeof text === 'string' ? parseInstant(text) : undefined;
  if (typeof text !== 'string' || instant !== 'no-zone') return { instant: instant === 'no-zone' ? undefined : instant, zoneAssumed: false };
  const timeZone = batchZone ?? ownZone(item);
  return { instant: timeZone === undefined ? undefined : parseInstantIn(text, timeZone), zoneAssumed: true };
}

const present = (item: Item, member: string, other: string): string | undefined => {
  if (item[member] !== undefined && item[member] !== null) return member;
  return item[other] !== undefined && item[other] !== null ? other : undefined;
};

/**
 * The instants of an item (`startDate` or `start`, `endDate` or `end`; where they name no zone in that of the batch,
 * else in metadata.HKTimeZone), or its fault. Whether the end may lie ahead is another question (`faultOfEnd`).
 */
export function datesOfItem(item: Item, now: number, batchZone?: string): ItemDates | ItemFault {
  const from = present(item, 'startDate', 'start');
  const until = present(item, 'endDate', 'end');
  if (from === undefined) return { code: 'missing-date', place: '/startDate' };
  const first = dateOf(item, from, batchZone);
  const start = first.instant;
  if (start === undefined) return { code: 'invalid-date', place: `/${from}` };
  const last = until === undefined || item[until] === item[from] ? first : dateOf(item, until, batchZone);
  const end = last.instant;
  const endPlace = `/${until ?? from}`;
  if (end === undefined) return { code: 'invalid-date', place: endPlace };
  if (end.epochMs < start.epochMs) return { code: 'end-before-start', place: endPlace };
  if (start.epochMs > now + FUTURE_TOLERANCE_MS) return { code: 'date-in-future', place: `/${from}` };
  return { start, end, zoneAssumed: first.zoneAssumed || last.zoneAssumed };
}

/** The fault of an item whose end lies ahead, but for a period that goes on and lasts no longer than it may; what was measured may not (0). */
export function faultOfEnd(item: Item, { start, end }: Pick<ItemDates, 'start' | 'end'>, now: number, longestMs: number): ItemFault | undefined {
  if (end.epochMs <= now + FUTURE_TOLERANCE_MS || end.epochMs - start.epochMs <= longestMs) return undefined;
  return { code: 'date-in-future', place: `/${present(item, 'endDate', 'end') ?? 'endDate'}` };
}

const UTC = /[Zz]$/;

/** The offset of an item whose start is at an instant; undefined where nothing tells. */
export function localOffsetOf(item: Item, epochMs: number, batchZone?: string): LocalOffset | undefined {
  const own = offsetsOf(ownZone(item) ?? '');
  if (own !== undefined) return { offsetMinutes: own(epochMs), offsetFrom: 'HKTimeZone' };
  const text = item[present(item, 'startDate', 'start') ?? ''];
  const instant = typeof text === 'string' ? parseInstant(text) : undefined;
  if (typeof text !== 'string' || instant === undefined) return undefined;
  if (instant !== 'no-zone') return UTC.test(text) ? undefined : { offsetMinutes: instant.offsetMinutes, offsetFrom: 'declared' };
  const batch = offsetsOf(batchZone ?? '');
  return batch === undefined ? undefined : { offsetMinutes: batch(epochMs), offsetFrom: 'batch' };
}
