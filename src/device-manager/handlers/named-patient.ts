import { problem } from '../../http/problem.ts';
import { boundPatient, type Caller } from '../caller.ts';

/** The patient a service speaks for. Throws user-header-missing when it names none in the header. */
export const namedPatient = (caller: Caller, userIdHeader: string): string => {
  const patientId = boundPatient(caller);
  if (patientId === undefined) throw problem('user-header-missing', { errors: [{ pointer: `/headers/${userIdHeader}`, code: 'required', message: 'Say whose samples these are.' }] });
  return patientId;
};
