import { problem } from '../../http/problem.ts';
import { boundPatient, type Caller } from '../caller.ts';

/** The patient a service speaks for. Throws user-header-missing when it names none in the header. */
export const namedPatient = (caller: Caller, userIdHeader: string): string => {
  const patientId = boundPatient(caller);
  if (patientId === undefined) throw problem('user-header-missing', { errors: [{ pointer: `/headers/${userIdHeader}`, code: 'required', message: 'Say whose samples these are.' }] });
  return patientId;
};

/** Throws not-your-data when a service that speaks for one patient names another. */
export const demandOwn = (caller: Caller, patientId: string): void => {
  const bound = boundPatient(caller);
  if (bound !== undefined && bound !== patientId) throw problem('not-your-data', { errors: [{ pointer: '/path/patientId', code: 'not-your-data', message: 'Name the patient you speak for.' }] });
};

/** The patient whose lists are asked for, whom the caller may read. Throws not-your-data for another one, and invalid-request where nobody is named. */
export const onePatient = (caller: Caller, named: string | undefined): string => {
  const bound = boundPatient(caller);
  const fault = (code: string, message: string) => ({ errors: [{ pointer: '/query/patientId', code, message }] });
  if (bound !== undefined && named !== undefined && named !== bound) throw problem('not-your-data', fault('not-your-data', 'Ask for the patient you speak for.'));
  const patientId = bound ?? named;
  if (patientId === undefined) throw problem('invalid-request', fault('required', 'Say whose.'));
  return patientId;
};
