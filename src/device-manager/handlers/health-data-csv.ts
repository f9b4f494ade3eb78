import type { HealthData } from '../../../generated/device-manager.d.ts';

type Cell = string | number | undefined;

const columns = [
  '_id', 'patientId', 'deviceId', 'providerId', 'rawDataType', 'normalizedDataType', 'state', 'reason', 'recordedAt', 'receivedAt', 'startDate', 'endDate', 'code', 'name', 'value', 'unit', 'unitCode',
];

/** A text that a spreadsheet would take for a formula begins with an apostrophe. */
const cellOf = (value: Cell): string => {
  if (typeof value !== 'string') return value === undefined ? '' : String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

const lineOf = (cells: readonly Cell[]): string => `${cells.map(cellOf).join(',')}\r\n`;

/** The first line (RFC 4180). */
export const csvHeader = lineOf(columns);

/** The lines of a record: one for each value, or one without a value. */
export const csvOf = ({ normalizedData, ...record }: HealthData): string => {
  const { period, observations = [] } = normalizedData ?? {};
  const cells: Cell[] = [record._id, record.patientId, record.deviceId, record.providerId, record.rawDataType, record.normalizedDataType, record.state, record.reason, record.recordedAt, record.receivedAt, period?.startDate, period?.endDate];
  if (observations.length === 0) return lineOf([...cells, ...Array<undefined>(5).fill(undefined)]);
  return observations.map(({ code, name, value, unit, unitCode }) => lineOf([...cells, code, name, value, unit, unitCode])).join('');
};
