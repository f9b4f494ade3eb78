import { measuresOf } from '../healthkit/measures/measures-of.ts';
import { localOffsetOf } from '../healthkit/item-dates.ts';
import { inOneOrder, sourceOf as sourceNamed } from '../healthkit/item-identity.ts';
import { isLength, unitOfItem } from '../healthkit/item-value.ts';
import { healthKitFormatOf, itemsIn } from '../healthkit/shapes/formats.ts';
import type { ShapedItem } from '../healthkit/shapes/shape.ts';
import { isoOf } from '../measurement/usual-date-time.ts';
import { resolveType } from '../healthkit/type-catalogue.ts';
import type { Normalized } from './domain/normalization.ts';
import type { Measured, Reason } from './domain/observing.ts';
import { membersOf } from './domain/rule.ts';
import type { Reading } from './providers/reading.ts';
import { keptReadings } from './providers/taking-apart.ts';
import type { Payload, PayloadContext } from './storage/payload-table.ts';
import type { SampleRow } from './storage/sample-table.ts';

/** One item of a payload: what the rules read, and the part of the payload it was read from. */
type Item = Pick<Reading, 'document' | 'received' | 'sources'> & Pick<ShapedItem, 'percent'>;

/** What is measured in one item; HealthKit's unit is the item's, else the request's, else the library's. */
export const measuredOf = (sample: SampleRow, { document: item, sources, percent }: Partial<Item>, context: PayloadContext): Measured => {
  const [startMs, endMs] = [sample.recorded_at.getTime(), sample.ended_at.getTime()];
  const start = isoOf(startMs);
  const measured = { providerId: sample.provider, dataType: sample.type ?? undefined, item, ...(sources && { sources }), start, end: endMs === startMs ? start : isoOf(endMs) };
  if (sample.provider !== 'healthkit') return measured;
  const measures = measuresOf(membersOf(item), sample.type, (endMs - startMs) / 1000);
  if (measures) return { ...measured, item: { ...membersOf(item), measures } };
  const type = resolveType(sample.type ?? '');
  if (isLength(membersOf(item), type)) return { ...measured, item: { ...membersOf(item), value: undefined } };
  const unit = unitOfItem(membersOf(item), type, context.unit, percent);
  return 'code' in unit ? measured : { ...measured, ...unit, ...(percent === 'hundredths' && { percentDeclared: true }) };
};

/** Members that stand elsewhere in what was received: pointers inside of the element. */
const sourcesIn = ({ pointer, places = {} }: ShapedItem): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(places).flatMap(([member, place]) => (place.startsWith(`${pointer}/`) ? [[member, place.slice(pointer.length)]] : [])));

/** The items of a payload in order: HealthKit's samples, or the readings of a delivery. */
export const itemsOf = ({ provider, format, bytes, itemCount }: Pick<Payload, 'provider' | 'format' | 'bytes' | 'itemCount'>): readonly Item[] => {
  if (provider !== 'healthkit') return keptReadings(format, bytes, itemCount);
  const found = itemsIn(healthKitFormatOf(format), JSON.parse(bytes.toString('utf8')));
  return found !== 'too-many' && 'items' in found ? found.items.map((one) => ({ document: one.item, received: one.received, percent: one.percent, sources: sourcesIn(one) })) : [];
};

/** A blood pressure of which one half does not count any more, `systolicBloodPressure:corrected`: it is absent for that reason. */
export const withoutHalf = (item: Partial<Item>, leftOut: string | null): Partial<Item> => {
  if (leftOut === null) return item;
  const [half = '', absentReason] = leftOut.split(':');
  const document = membersOf(item.document);
  return { ...item, document: { ...document, measurements: { ...membersOf(document['measurements']), [half]: { absentReason } } } };
};

/** What measured it: the source that the sample names, else its device. */
export const sourceOf = (sample: SampleRow, { document }: Partial<Item>): string =>
  (sample.provider === 'healthkit' ? inOneOrder(sourceNamed(membersOf(document))).slice(0, 200) : '') || sample.device_id;

/** With what a clock at the place showed, where the sample or its upload tells. */
export const located = (outcome: Normalized | { readonly reason: Reason }, { provider, recorded_at: recordedAt }: SampleRow, { document }: Partial<Item>, { timeZone }: PayloadContext): Normalized | { readonly reason: Reason } => {
  if ('reason' in outcome || provider !== 'healthkit') return outcome;
  const offset = localOffsetOf(membersOf(document), recordedAt.getTime(), timeZone);
  return offset ? { ...outcome, record: { ...outcome.record, period: { ...outcome.record.period, ...offset } } } : outcome;
};
