import { crudRefusal, isObject, json, type Answer } from './answer.ts';

/** A record of the vendor's CRUD. */
export type CrudRecord = Readonly<Record<string, unknown>> & { readonly _id: string };

const DEFAULT_LIMIT = 25;
const LARGEST_LIMIT = 200;

const isInstant = (value: unknown): value is string => typeof value === 'string' && /^\d{4}-\d{2}-\d{2}T/.test(value);
/** Instants compare as instants, whatever their offset. */
const comparable = (value: unknown): number => (isInstant(value) ? Date.parse(value) : Number(value));

const operators: Readonly<Record<string, (value: unknown, wanted: unknown) => boolean>> = {
  $gte: (value, wanted) => value !== undefined && comparable(value) >= comparable(wanted),
  $lt: (value, wanted) => value !== undefined && comparable(value) < comparable(wanted),
  $exists: (value, wanted) => (value !== undefined) === wanted,
  $in: (value, wanted) => Array.isArray(wanted) && wanted.includes(value),
};

type Test = (record: CrudRecord) => boolean;

/** The tests of a MongoDB condition; undefined for operators this CRUD does not know. */
const testsOf = (condition: Readonly<Record<string, unknown>>): Test[] | undefined => {
  const tests = Object.entries(condition).flatMap(([member, wanted]): (Test | undefined)[] => {
    if (!isObject(wanted)) return [(record) => record[member] === wanted];
    return Object.entries(wanted).map(([name, value]) => {
      const fits = operators[name];
      return fits && ((record: CrudRecord) => fits(record[member], value));
    });
  });
  return tests.includes(undefined) ? undefined : (tests as Test[]);
};

const wholeNumber = (text: string | null, fallback: number): number => (text === null ? fallback : /^\d+$/.test(text) ? Number(text) : Number.NaN);

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
};

const projected = (record: CrudRecord, members: string | null): object =>
  members === null ? record : Object.fromEntries(Object.entries(record).filter(([name]) => name === '_id' || members.split(',').includes(name)));

const sorted = (records: readonly CrudRecord[], order: string | null): readonly CrudRecord[] => {
  if (order === null) return records;
  const [member, direction] = order.startsWith('-') ? [order.slice(1), -1] : [order, 1];
  return records.toSorted((a, b) => direction * (comparable(a[member]) - comparable(b[member])));
};

/** Answers a query of the CRUD: `_q`, `_l`, `_sk`, `_s`, `_p`, `_st` and any member of a record by equality; all else is refused. */
export const crudAnswer = (records: readonly CrudRecord[], query: URLSearchParams, members: readonly string[]): Answer => {
  const own = ['_q', '_l', '_sk', '_s', '_p', '_st'];
  const unknown = [...query.keys()].find((name) => !own.includes(name) && !members.includes(name));
  if (unknown !== undefined) return crudRefusal(400, `querystring must NOT have additional properties: ${unknown}`);
  const [limit, skip] = [wholeNumber(query.get('_l'), DEFAULT_LIMIT), wholeNumber(query.get('_sk'), 0)];
  if (!(limit >= 1 && limit <= LARGEST_LIMIT) || Number.isNaN(skip)) return crudRefusal(400, 'querystring._l must be <= 200');
  const condition = parsed(query.get('_q') ?? '{}');
  const tests = isObject(condition) ? testsOf(condition) : undefined;
  if (tests === undefined) return crudRefusal(400, 'querystring._q is invalid');
  const states = (query.get('_st') ?? 'PUBLIC').split(',');
  const fits = (record: CrudRecord): boolean =>
    states.includes(String(record['__STATE__'])) && tests.every((test) => test(record)) && [...query].every(([name, value]) => own.includes(name) || record[name] === value);
  const found = sorted(records.filter(fits), query.get('_s')).slice(skip, skip + limit);
  return json(found.map((record) => projected(record, query.get('_p'))));
};
