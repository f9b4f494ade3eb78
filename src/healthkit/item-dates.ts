import { parseInstant, parseInstantIn, type Instant } from '../measurement/instant.ts';
import type { ItemFault } from './item-value.ts';
import { FUTURE_TOLERANCE_MS } from './limits.ts';

type Item = Readonly<Record<string, unknown>>;

/** When a sample began and ended; a sample without end ends when it began. */
export interface ItemDates {
  readonly start: Instant;
  readonly end: Instant;
}

function timeZoneOf({ metadata, metadataTimeZone }: Item): string | undefined {
  const inside = typeof metadata === 'object' && metadata !== null && 'HKTimeZone' in metadata ? metadata.HKTimeZone : metadataTimeZone;
  return typeof inside === 'string' ? inside : undefined;
}

/** Numbers are refused: they leak from native code and count from 2001 or 1970, in seconds or milliseconds. */
function instantOf(item: Item, member: string): Instant | undefined {
  const text = item[member];
  if (typeof text !== 'string') return undefined;
  const instant = parseInstant(text);
  if (instant !== 'no-zone') return instant;
  const timeZone = timeZoneOf(item);
  return timeZone === undefined ? undefined : parseInstantIn(text, timeZone);
}

const present = (item: Item, ...members: string[]): string | undefined =>
  members.find((member) => item[member] !== undefined && item[member] !== null);

/** The instants of an item (`startDate` or `start`, `endDate` or `end`; metadata.HKTimeZone where they name no zone), or its fault. */
export function datesOfItem(item: Item, now: number): ItemDates | ItemFault {
  const from = present(item, 'startDate', 'start');
  const until = present(item, 'endDate', 'end');
  if (from === undefined) return { code: 'missing-date', place: '/startDate' };
  const start = instantOf(item, from);
  if (start === undefined) return { code: 'invalid-date', place: `/${from}` };
  const end = until === undefined ? start : instantOf(item, until);
  const endPlace = `/${until ?? from}`;
  if (end === undefined) return { code: 'invalid-date', place: endPlace };
  if (end.epochMs < start.epochMs) return { code: 'end-before-start', place: endPlace };
  if (start.epochMs > now + FUTURE_TOLERANCE_MS) return { code: 'date-in-future', place: `/${from}` };
  if (end.epochMs > now + FUTURE_TOLERANCE_MS) return { code: 'date-in-future', place: endPlace };
  return { start, end };
}
