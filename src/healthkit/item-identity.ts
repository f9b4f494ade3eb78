import { numberOf } from './item-value.ts';
import { BLOOD_PRESSURE } from './type-catalogue.ts';

type Item = Readonly<Record<string, unknown>>;

/** What may differ between two deliveries of one sample, or is a part of its own. */
const ASIDE = new Set([
  'id', 'uuid', 'startDate', 'endDate', 'start', 'end', 'type', 'dataType', 'quantityType', 'rawDataType', 'unit',
  'metadata', 'metadataTimeZone', 'sourceId', 'sourceName', 'device', 'deviceId', 'assignedPatientId', 'patientId',
]);

function ordered(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(ordered);
  return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([member, inner]) => [member, ordered(inner)]);
}

/** Beside an average, which alone does not tell two readings apart. */
const EXTREMES = ['Min', 'Max'];

/** One spelling of what was measured: equal for equal values, whatever the order of members and whether a number is sent as text. */
export function valueText(item: Item, type: string | undefined): string {
  const members = type === BLOOD_PRESSURE ? ['bloodPressureSystolicValue', 'bloodPressureDiastolicValue'] : ['value', ...EXTREMES.filter((member) => member in item)];
  if (members.every((member) => item[member] !== undefined)) {
    return members.map((member) => String(numberOf(item[member]) ?? item[member])).join('/');
  }
  return JSON.stringify(ordered(Object.fromEntries(Object.entries(item).filter(([member]) => !ASIDE.has(member)))));
}
