import type { Handlers } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import { parseInstant } from '../../measurement/instant.ts';
import { actorOf, boundPatient, type Caller, type Operations } from '../caller.ts';
import type { Charts } from '../charts.ts';

const epochMsOf = (text: string | undefined, name: string): number | undefined => {
  if (text === undefined) return undefined;
  const instant = parseInstant(text);
  if (typeof instant === 'object') return instant.epochMs;
  throw problem('invalid-request', { errors: [{ pointer: `/query/${name}`, code: 'invalid-date', message: 'Send an instant that exists, with an offset.' }] });
};

/** The chart of one patient. */
export const charts = ({ chartOf }: Charts): Pick<Handlers<Operations, Caller>, 'getPatientChartData'> => ({
  getPatientChartData: async ({ caller, query, requestId }) => {
    const bound = boundPatient(caller);
    const patientId = query._id ?? query.patientId ?? bound;
    if (patientId === undefined) {
      throw problem('invalid-request', { errors: [{ pointer: '/query/_id', code: 'required', message: 'Say whose chart.' }] });
    }
    const foreign = (['_id', 'patientId'] as const).find((name) => query[name] !== undefined && query[name] !== bound);
    if (bound !== undefined && foreign !== undefined) throw problem('not-your-data', { errors: [{ pointer: `/query/${foreign}`, code: 'not-your-data', message: 'Ask for the patient you speak for.' }] });
    if (query.patientId !== undefined && query.patientId !== patientId) {
      throw problem('invalid-request', { errors: [{ pointer: '/query/patientId', code: 'const', message: 'Name one patient: patientId is another name of _id.' }] });
    }
    const series = await chartOf({
      patientId,
      normalizedType: query.normalizedDataType,
      rawType: query.type,
      from: epochMsOf(query.from, 'from'),
      to: epochMsOf(query.to, 'to'),
      actor: actorOf(caller),
      requestId,
    });
    return { status: 200, body: series };
  },
});
