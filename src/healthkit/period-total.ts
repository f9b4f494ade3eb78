import type { ItemDates } from './item-dates.ts';
import { inOneOrder, sourceOf } from './item-identity.ts';
import { ACTIVITY_SUMMARY, type HealthKitType } from './type-catalogue.ts';

type Item = Readonly<Record<string, unknown>>;

/** What people enter for a moment of their choice, so that two readings may well be of one minute. */
const ENTERED = /Dietary|AlcoholicBeverages|InhalerUsage|InsulinDelivery|TimesFallen/;

/** Minutes and seconds of a clock, which a fraction of a second makes none of a period. */
const CLOCK = /[T ]\d{1,2}:(\d{2})(?::(\d{2}))?(?![:.\d])/;

const onlyTells = (point: Item): boolean => {
  for (const member in point) if (member !== 'date' && member !== 'qty' && member !== 'source') return false;
  return true;
};

/**
 * Whether a point of Health Auto Export is the total of a minute, an hour or a day: it adds up, says nothing beside date, number and
 * sources, and begins with a minute; with an hour where people enter it. Single samples that the app hands out begin at any second.
 */
export function isPeriodPoint(type: HealthKitType | undefined, point: Item): boolean {
  const { date } = point;
  if (type?.cumulative !== true || typeof date !== 'string' || !onlyTells(point)) return false;
  const [, minute, second = '00'] = CLOCK.exec(date) ?? [];
  return second === '00' && (ENTERED.test(type.identifier) ? minute === '00' : minute !== undefined);
}

type Period = Pick<ItemDates, 'start' | 'end'>;

/** The rings are of a day of the calendar, whatever midnight means where the phone is. */
const periodOf = ({ identifier }: HealthKitType, { start, end }: Period): readonly string[] =>
  identifier === ACTIVITY_SUMMARY && /^\d{4}-\d{2}-\d{2}[T ]00:00/.test(start.text) ? [start.text.slice(0, 10)] : [start.iso, end.iso];

/** HealthKit's statistics have the share of each source in a list; nothing that was measured by itself comes without any source. */
const isStatistic = (item: Item, { start, end }: Period): boolean =>
  Array.isArray(item['metadata']) || (sourceOf(item) === '' && end.epochMs > start.epochMs);

/**
 * Names the total that an item is a reading of: a sum over a period, which grows until its period is over and the last device has told
 * what it counted. Undefined for all else: whatever has a UUID, and single samples. `isPoint` is given where the format itself tells.
 */
export function totalOf(item: Item, type: HealthKitType | undefined, dates: Period, isPoint: boolean): readonly string[] | undefined {
  if (type === undefined) return undefined;
  const isTotal = type.identifier === ACTIVITY_SUMMARY || isPoint || (type.cumulative === true && isStatistic(item, dates));
  return isTotal ? [type.identifier, inOneOrder(sourceOf(item)), ...periodOf(type, dates)] : undefined;
}

const hourMs = 3_600_000;

/**
 * How long a period may last that is not over, beyond which its end is a mistake: a day of rings has 25 hours where the clocks go back,
 * and apps ask HealthKit for sums of a month at most.
 */
export const longestPeriodMs = (type: HealthKitType | undefined): number => (type?.identifier === ACTIVITY_SUMMARY ? 25 : 31 * 24 + 1) * hourMs;
