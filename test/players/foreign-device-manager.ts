import { randomBytes } from 'node:crypto';
import { bodyOf, crudRefusal, empty, isObject, json, refusal, type Answer, type Arrived, type Route, type Ways } from './answer.ts';
import { crudAnswer, type CrudRecord } from './foreign-crud.ts';

export interface ForeignDeviceManager {
  readonly route: Route;
  readonly records: readonly CrudRecord[];
}

interface Held {
  readonly _id: string;
  readonly deviceId: string;
  readonly patientId: string;
}

const recordMembers = [
  '_id', 'deviceId', 'patientId', 'providerId', 'rawData', 'rawDataType', 'rawDataFormat', 'normalizedData', 'normalizedDataType', 'receivedAt', 'recordedAt',
  'externalRef', 'creatorId', 'createdAt', 'updaterId', 'updatedAt', '__STATE__',
];

const objectId = (): string => randomBytes(12).toString('hex');
const typeOf = (item: Readonly<Record<string, unknown>>, query: URLSearchParams): string =>
  [item['type'], item['quantityType'], query.get('type')].find((type) => typeof type === 'string') ?? 'HeartRate';

/** What the vendor's rule makes of a heart rate; other types stay as they came. */
const normalized = (type: string, value: unknown, at: string) =>
  /HeartRate$/.test(type) && typeof value === 'number'
    ? {
        normalizedDataType: 'heart-rate',
        normalizedData: { period: { startDate: at }, observations: [{ code: 'https://loinc.org/8867-4', name: 'Heart rate', unit: 'bpm', unitCode: '/min', value, category: 'vital-signs' }] },
      }
    : {};

/** Devices, samples as they came and charts, in memory. It knows no duplicates, and does not ask whose device it is. */
export const foreignDeviceManager = (ways: Ways): ForeignDeviceManager => {
  const held: Held[] = [];
  const records: CrudRecord[] = [];

  const assign = (request: Arrived): Answer => {
    const body = bodyOf(request);
    const missing = ['deviceId', 'deviceType', 'deviceProvider', 'assignedPatientId'].find((name) => !isObject(body) || typeof body[name] !== 'string');
    if (!isObject(body) || missing !== undefined) return refusal(ways, 400, `body must have required property '${String(missing)}'`);
    const [deviceId, patientId] = [String(body['deviceId']), String(body['assignedPatientId'])];
    const current = held.find((one) => one.deviceId === deviceId);
    if (current !== undefined) return current.patientId === patientId ? json({ _id: current._id }) : refusal(ways, ways.deviceTaken, 'Device already assigned to another patient');
    const _id = objectId();
    held.push({ _id, deviceId, patientId });
    return json({ _id });
  };

  const unassign = (id: string): Answer => {
    const index = held.findIndex(({ _id }) => _id === id);
    if (index < 0) return crudRefusal(404, 'not found');
    held.splice(index, 1);
    return empty(ways, 204);
  };

  const recordOf = (item: Readonly<Record<string, unknown>>, patientId: string, query: URLSearchParams): CrudRecord => {
    const [now, type] = [new Date().toISOString(), typeOf(item, query)];
    const recordedAt = new Date(String(item['startDate'])).toISOString();
    const deviceId = item['deviceId'] ?? query.get('deviceId');
    return {
      _id: objectId(), ...(deviceId !== null && { deviceId }), patientId, providerId: 'healthkit', rawData: item, rawDataType: type, rawDataFormat: 'healthkitstandard-json',
      ...normalized(type, item['value'], recordedAt), receivedAt: now, recordedAt, externalRef: null,
      creatorId: patientId, createdAt: now, updaterId: patientId, updatedAt: now, __STATE__: 'PUBLIC',
    };
  };

  const keep = (request: Arrived): Answer => {
    const patientId = request.headers['miauserid'];
    const items = bodyOf(request);
    if (typeof patientId !== 'string') return refusal(ways, 400, 'Missing patient');
    if (!Array.isArray(items) || !items.every(isObject)) return refusal(ways, 400, 'body must be array');
    const kept = items.map((item) => recordOf(item, patientId, request.url.searchParams));
    records.push(...kept);
    return json(kept.map(({ _id }) => ({ _id })));
  };

  const chart = ({ url: { searchParams } }: Arrived): Answer => {
    if ([...searchParams.keys()].some((name) => !['_id', 'normalizedDataType', 'type'].includes(name))) return refusal(ways, 400, 'querystring must NOT have additional properties');
    const [patientId, normalizedDataType, type] = ['_id', 'normalizedDataType', 'type'].map((name) => searchParams.get(name));
    const fitting = records.filter((record) => record['patientId'] === patientId && record['normalizedDataType'] === normalizedDataType && (type === null || record['rawDataType'] === type));
    const points = fitting.map((record) => ({ x: Date.parse(String(record['recordedAt'])), y: (record['rawData'] as { value: number }).value, _id: record._id }));
    return json(points.length === 0 ? [] : [{ name: 'Heart rate', type: 'line', data: points.toSorted((a, b) => a.x - b.x) }]);
  };

  const normalizeAgain = (id: string): Answer => {
    const record = records.find(({ _id }) => _id === id);
    return record === undefined ? crudRefusal(404, 'not found') : json(record);
  };

  const route: Route = (request) => {
    const { pathname, searchParams } = request.url;
    const operation = `${request.method} ${pathname}`;
    const [, released] = /^POST \/devices\/([^/]+)\/unassign$/.exec(operation) ?? [];
    const [, again] = /^PATCH \/health-data\/normalize-data\/([^/]+)$/.exec(operation) ?? [];
    if (operation === 'POST /devices/assign') return assign(request);
    if (released !== undefined) return unassign(decodeURIComponent(released));
    if (/^GET \/health-data\/?$/.test(operation)) return crudAnswer(records, searchParams, recordMembers);
    if (/^POST \/health-data\/healthkit\/[^/]+$/.test(operation)) return keep(request);
    if (again !== undefined) return normalizeAgain(again);
    if (operation === 'GET /chart-data') return chart(request);
    return undefined;
  };

  return { route, records };
};
