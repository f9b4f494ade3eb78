import { parseInstant, type Instant } from '../../../measurement/instant.ts';
import type { Version } from '../../domain/version.ts';
import type { ReadingIdentity } from '../reading.ts';
import { typedIdOf } from './reference.ts';
import { listIn, resourceIn, textIn, type Entry, type Resource } from './resource.ts';

const statuses = new Set(['registered', 'preliminary', 'final', 'amended', 'corrected', 'entered-in-error', 'cancelled']);

/** The status as FHIR names it; one that FHIR does not know, or none, is unknown. */
export const statusOf = (value: unknown): Version['status'] => (typeof value === 'string' && statuses.has(value) ? (value as Version['status']) : 'unknown');

/** An instant that was written with its time and zone; a mere date is none. */
export const instantIn = (value: unknown): Instant | undefined => {
  const read = typeof value === 'string' ? parseInstant(value) : undefined;
  return typeof read === 'object' ? read : undefined;
};

/** When something was measured: dateTime, instant, period or the first event of a timing. */
export const effectiveOf = ({ effectiveDateTime, effectiveInstant, effectivePeriod, effectiveTiming }: Resource): { start?: Instant | undefined; end?: Instant | undefined } => {
  const event = resourceIn(effectiveTiming)['event'];
  const spot = instantIn(effectiveDateTime) ?? instantIn(effectiveInstant) ?? (Array.isArray(event) ? instantIn(event[0]) : undefined);
  if (spot) return { start: spot, end: spot };
  const period = resourceIn(effectivePeriod);
  const [from, until] = [instantIn(period['start']), instantIn(period['end'])];
  return from && until && until.epochMs < from.epochMs ? { start: from, end: from } : { start: from ?? until, end: until ?? from };
};

const givenIdentifier = (resource: Resource, { request }: Entry): readonly string[] | undefined => {
  const given = listIn(resource['identifier']).find(({ value }) => textIn(value) !== undefined);
  if (given) return [textIn(given['system']) ?? '', textIn(given['value']) ?? ''];
  const url = textIn(request?.['url']);
  return request?.['method'] === 'PUT' && url !== undefined && typedIdOf(url) === url ? ['', url] : undefined;
};

/** What a reading is of, where its sender has no name for it: `name` tells it from others of its type. */
interface Measuring {
  readonly type: string | undefined;
  readonly name: string;
  readonly device: string | undefined;
  readonly start: Instant | undefined;
  readonly end: Instant | undefined;
}

/** What the reading is known by. */
export const identityOf = (resource: Resource, entry: Entry, { type, name, device, start, end = start }: Measuring): ReadingIdentity | undefined => {
  const parts = givenIdentifier(resource, entry);
  if (parts) return { kind: 'identifier', parts };
  if (type === undefined || device === undefined || start === undefined || end === undefined) return undefined;
  return { kind: 'natural', parts: [device, type, name, String(start.epochMs), String(end.epochMs)] };
};
