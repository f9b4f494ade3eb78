import { hasTag } from '../../http/entity-tag.ts';
import type { Call, Handlers } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import { parseInstant } from '../../measurement/instant.ts';
import { offsetsOf } from '../../measurement/time-zone.ts';
import { actorOf, boundPatient, type Caller, type Operations } from '../caller.ts';
import type { Charts } from '../charts.ts';
import { onePatient } from './named-patient.ts';
import { chartFilterOf, ChartFilterFault, type ChartFilter } from '../domain/chart-filter.ts';

type ChartCall = Call<Operations['getPatientChartData'], Caller>;

const invalid = (name: string, code: string, message: string) => problem('invalid-request', { errors: [{ pointer: `/query/${name}`, code, message }] });

const epochMsOf = (text: string | undefined, name: string): number | undefined => {
  if (text === undefined) return undefined;
  const instant = parseInstant(text);
  if (typeof instant === 'object') return instant.epochMs;
  throw invalid(name, 'invalid-date', 'Send an instant that exists, with an offset.');
};

/** The patient that is asked for, whom the caller may read. */
const patientOf = ({ caller, query }: ChartCall): string => {
  const bound = boundPatient(caller);
  const patientId = query._id ?? query.patientId ?? bound;
  if (patientId === undefined) throw invalid('_id', 'required', 'Say whose chart.');
  const foreign = (['_id', 'patientId'] as const).find((name) => query[name] !== undefined && query[name] !== bound);
  if (bound !== undefined && foreign !== undefined) throw problem('not-your-data', { errors: [{ pointer: `/query/${foreign}`, code: 'not-your-data', message: 'Ask for the patient you speak for.' }] });
  if (query.patientId !== undefined && query.patientId !== patientId) throw invalid('patientId', 'const', 'Name one patient: patientId is another name of _id.');
  return patientId;
};

const filterOf = (text: string | undefined): ChartFilter => {
  try {
    return chartFilterOf(text);
  } catch (error) {
    if (!(error instanceof ChartFilterFault)) throw error;
    throw invalid(`filters${error.place}`, 'invalid-filter', 'Send a JSON array of {property, operator, value} with the operators of the original; instants with an offset.');
  }
};

const chartCall = (call: ChartCall) => {
  const { query, caller, requestId } = call;
  const { points = 500, timeZone = 'UTC' } = query;
  if (offsetsOf(timeZone) === undefined) throw invalid('timeZone', 'unknown-time-zone', 'Use a name of the IANA time zone database.');
  const { from, to, rawType } = filterOf(query.filters);
  return {
    patientId: patientOf(call), normalizedType: query.normalizedDataType, rawType: query.type ?? rawType,
    from: Math.max(from, epochMsOf(query.from, 'from') ?? from), to: Math.min(to, epochMsOf(query.to, 'to') ?? to),
    points, timeZone, source: query.source, actor: actorOf(caller), requestId,
  };
};

/** Charts of one patient, and of what there are some. */
export const charts = ({ chartOf, extentsOf }: Charts): Pick<Handlers<Operations, Caller>, 'getPatientChartData' | 'listPatientChartedTypes'> => ({
  listPatientChartedTypes: async ({ caller, query, requestId }) => {
    const extents = await extentsOf({ patientId: onePatient(caller, query.patientId), actor: actorOf(caller), requestId });
    return { status: 200, body: extents.map(({ normalizedType, ...days }) => ({ normalizedDataType: normalizedType, ...days })) };
  },
  getPatientChartData: async (call) => {
    const { version, series } = await chartOf(chartCall(call));
    const headers = { ETag: `"${version}"` };
    if (hasTag(call.headers['if-none-match'], headers.ETag)) return { status: 304, headers };
    return { status: 200, headers, body: await series() };
  },
});
