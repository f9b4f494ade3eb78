import type { Call, Handlers } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import { parseInstant } from '../../measurement/instant.ts';
import { comparisonReader, INVALID_PATTERN, QueryFault, readCondition, readSort, readStates, type Condition } from '../../query/condition.ts';
import { readFilters } from '../../query/filters.ts';
import { actorOf, boundPatient, type Caller, type Operations } from '../caller.ts';
import { normalizedTypeNamed } from '../charts.ts';
import { readPlace, writePlace } from '../domain/fhir/page-place.ts';
import { healthDataVocabulary } from '../domain/health-data-query.ts';
import { providerOf } from '../provider.ts';
import type { HealthRecord } from '../records.ts';
import { PatternError, TooSlowError } from '../domain/sample-faults.ts';
import type { ReadingEvent } from '../storage/audit-table.ts';
import type { SampleCount, SampleFilter, SamplePage } from '../storage/sample-search.ts';
import type { SampleRow } from '../storage/sample-table.ts';
import { csvHeader, csvOf } from './health-data-csv.ts';
import { projected, toWire } from './health-data.ts';
import { eachOnce, seenIn, type SeenPatients } from './seen-patients.ts';

export interface HealthDataSearch {
  /** Normalized types that a rule makes or made. */
  readonly knownTypes: () => Promise<readonly string[]>;
  readonly find: (page: SamplePage) => Promise<SampleRow[]>;
  readonly count: (filter: SampleFilter) => Promise<SampleCount>;
  readonly open: (samples: readonly SampleRow[], withRawData: boolean) => Promise<HealthRecord[]>;
  readonly audit: (reading: ReadingEvent, patientIds: ReadonlySet<string>) => Promise<void>;
}

type FilterQuery = Call<Operations['countHealthData'], Caller>['query'];

const EXPORT_PAGE = 200;

const refuse = (pointer: string, code: string, message: string) => problem('invalid-request', { errors: [{ pointer, code, message }] });

const epochMsOf = (text: string | undefined, name: string): number | undefined => {
  if (text === undefined) return undefined;
  const instant = parseInstant(text);
  if (typeof instant === 'object') return instant.epochMs;
  throw refuse(`/query/${name}`, 'invalid-date', 'Send an instant that exists, with an offset.');
};

/** Faults of the query are the client's. */
const orRefused = <Result>(read: () => Result): Result => {
  try {
    return read();
  } catch (error) {
    throw error instanceof QueryFault ? problem('invalid-request', { errors: [error.fault] }) : error;
  }
};

const plain = ['_id', 'rawDataFormat', 'reason', 'ruleId', 'recordedAt', 'receivedAt'] as const;

/** What the client asked beyond the columns with an index. */
const conditionsOf = (query: FilterQuery): Condition[] => orRefused(() => [
  ...plain.flatMap((name) => {
    const value = query[name];
    if (value === undefined) return [];
    const epochMs = name === 'recordedAt' || name === 'receivedAt' ? epochMsOf(value, name) : undefined;
    return [comparisonReader(healthDataVocabulary, name).compare(name, '$eq', epochMs === undefined ? value : new Date(epochMs).toISOString())];
  }),
  ...(query._q === undefined ? [] : [readCondition(query._q, healthDataVocabulary)]),
  ...(query.filters === undefined ? [] : [readFilters(query.filters, healthDataVocabulary)]),
  // Every sample is PUBLIC: whoever asks for other states alone finds none.
  ...(readStates(query._st ?? 'PUBLIC').includes('PUBLIC') ? [] : [{ any: [] }]),
]);

const filterOf = (query: FilterQuery, patientId: string | undefined, knownTypes: readonly string[]): SampleFilter => ({
  patientId,
  deviceId: query.deviceId,
  provider: query.providerId === undefined ? undefined : providerOf(query.providerId),
  type: query.rawDataType,
  normalizedType: query.normalizedDataType === undefined ? undefined : normalizedTypeNamed(knownTypes, query.normalizedDataType),
  state: query.state,
  from: epochMsOf(query.from, 'from'),
  to: epochMsOf(query.to, 'to'),
  conditions: conditionsOf(query),
});

/** The patient that is asked for; a caller bound to one cannot name another. */
export const patientIn = (caller: Caller, named: string | undefined): string | undefined => {
  const bound = boundPatient(caller);
  if (bound !== undefined && named !== undefined && named !== bound) throw problem('not-your-data', { errors: [{ pointer: '/query/patientId', code: 'not-your-data', message: 'Ask for the patient you speak for.' }] });
  return bound ?? named;
};

/** What the database gives up on, the client can mend. */
const searched = async <Result>(search: Promise<Result>, { _q, filters }: FilterQuery): Promise<Result> => {
  try {
    return await search;
  } catch (error) {
    const pointer = _q === undefined && filters !== undefined ? '/query/filters' : '/query/_q';
    if (error instanceof TooSlowError) throw refuse(pointer, 'too-slow', 'Narrow the query, by patientId or recordedAt.');
    if (error instanceof PatternError) throw refuse(pointer, 'invalid-pattern', INVALID_PATTERN);
    throw error;
  }
};

type ListQuery = Call<Operations['findHealthData'], Caller>['query'];

const pageOf = (query: ListQuery, filter: SampleFilter): SamplePage => {
  const { _s, _l = 25, _sk = 0, _cursor } = query;
  const after = _cursor === undefined ? undefined : readPlace(_cursor);
  if (_cursor !== undefined && after === undefined) throw refuse('/query/_cursor', 'invalid-cursor', 'Follow the header Link as it is.');
  if (after !== undefined && (_s !== undefined || _sk !== 0)) throw refuse('/query/_cursor', 'not-with-order', 'Leave out _s and _sk, or the cursor.');
  return { ...filter, after, sort: orRefused(() => (_s === undefined ? [] : readSort(_s, healthDataVocabulary))), limit: _l, skip: _sk };
};

/** The header that leads on from a full page in the usual order. */
const linkFrom = (origin: string, query: ListQuery, rows: readonly SampleRow[]): { readonly Link: string } | Record<string, never> => {
  const last = rows.at(-1);
  const { _l = 25 } = query;
  if (!last || rows.length < _l || query._s !== undefined) return {};
  const kept = Object.entries(query).filter(([name]) => name !== '_sk' && name !== '_cursor');
  const names = [...kept, ['_cursor', writePlace({ recordedAt: last.recorded_at.getTime(), _id: last._id, passed: 0 })]].map(([name = '', value]) => [name, String(value)] as [string, string]);
  return { Link: `<${origin}/health-data?${new URLSearchParams(names).toString()}>; rel="next"` };
};

const namesOf = (projection: string | undefined): string[] | undefined => projection?.split(',').map((name) => name.trim());

const patientsOf = (samples: readonly SampleRow[]): string[] => samples.map(({ patient_id }) => patient_id);

/** All samples that fit, a batch at a time; `seen` is told whose they are before they are answered. */
async function* linesOf(
  { find, open }: HealthDataSearch, query: Call<Operations['exportHealthData'], Caller>['query'], filter: SampleFilter, csv: boolean, seen: SeenPatients,
): AsyncGenerator<string> {
  const names = namesOf(query._p);
  let after: SampleFilter['after'];
  // The first piece decides whether there is an answer, so the names of the columns wait for the first samples.
  let head = csv ? csvHeader : '';
  do {
    const rows = await searched(find({ ...filter, after, sort: [], limit: EXPORT_PAGE, skip: 0 }), query);
    await seen(seenIn(filter, patientsOf(rows)));
    const records = await open(rows, !csv && names?.includes('rawData') === true);
    yield head + records.map((record) => (csv ? csvOf(toWire(record)) : `${JSON.stringify(projected(toWire(record), names))}\n`)).join('');
    head = '';
    const last = rows.length === EXPORT_PAGE ? rows.at(-1) : undefined;
    after = last && { recordedAt: last.recorded_at.getTime(), _id: last._id };
  } while (after !== undefined);
}

/** Finding, counting and exporting samples. */
export const healthDataSearch = (dependencies: HealthDataSearch): Pick<Handlers<Operations, Caller>, 'findHealthData' | 'countHealthData' | 'exportHealthData'> => {
  const { knownTypes, find, count, open, audit } = dependencies;
  const asked = async (caller: Caller, query: FilterQuery): Promise<SampleFilter> => filterOf(query, patientIn(caller, query.patientId), await knownTypes());
  const readingOf = (caller: Caller, requestId: string, part = ''): ReadingEvent => ({ actor: actorOf(caller), resource: `health-data${part}`, requestId });
  return {
    findHealthData: async ({ caller, query, origin, requestId }) => {
      const filter = await asked(caller, query);
      const names = namesOf(query._p);
      const samples = await searched(find(pageOf(query, filter)), query);
      await audit(readingOf(caller, requestId), seenIn(filter, patientsOf(samples)));
      const records = await open(samples, names?.includes('rawData') === true);
      return { status: 200, headers: linkFrom(origin, query, samples), body: records.map((record) => projected(toWire(record), names)) };
    },
    countHealthData: async ({ caller, query, requestId }) => {
      const filter = await asked(caller, query);
      const { number, patientId } = await searched(count(filter), query);
      await audit(readingOf(caller, requestId, '/count'), seenIn(filter, patientId === undefined ? [] : [patientId]));
      return { status: 200, body: number };
    },
    exportHealthData: async ({ caller, query, wanted, requestId }) => {
      const filter = await asked(caller, query);
      const seen = eachOnce((patientIds) => audit(readingOf(caller, requestId, '/export'), patientIds));
      return { status: 200, body: linesOf(dependencies, query, filter, wanted === 'text/csv', seen) };
    },
  };
};
