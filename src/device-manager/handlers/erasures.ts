import type { Erasure as WireErasure } from '../../../generated/device-manager.d.ts';
import type { Handlers } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import { actorOf, type Caller, type Operations } from '../caller.ts';
import type { ErasureRequest } from '../patients/erasing.ts';
import type { Erasure } from '../storage/erasure-table.ts';
import { demandOwn } from './named-patient.ts';

/** What the handlers of erasures stand on. */
export interface Erasures {
  readonly start: (request: ErasureRequest) => Promise<Erasure>;
  readonly find: (patientId: string) => Promise<Erasure | undefined>;
}

const toWire = ({ _id, state, requested_at, finished_at, certificate }: Erasure): WireErasure => ({
  _id, state, requestedAt: requested_at.toISOString(), ...(finished_at && { finishedAt: finished_at.toISOString() }),
  ...(certificate && { certificate: certificate as unknown as NonNullable<WireErasure['certificate']> }),
});

/** Erasing all of one patient, and what it came to. */
export const erasures = ({ start, find }: Erasures): Pick<Handlers<Operations, Caller>, 'erasePatient' | 'getErasure'> => ({
  erasePatient: async ({ caller, path: { patientId }, body, requestId }) => {
    demandOwn(caller, patientId);
    if (body.confirm !== patientId) throw problem('invalid-request', { errors: [{ pointer: '/confirm', code: 'not-confirmed', message: 'Send the identifier of the patient in the path.' }] });
    return { status: 202, body: toWire(await start({ patientId, actor: actorOf(caller), requestId, account: body.account, auditPseudonym: body.auditPseudonym })) };
  },
  getErasure: async ({ caller, path: { patientId } }) => {
    demandOwn(caller, patientId);
    const found = await find(patientId);
    if (!found) throw problem('not-found');
    return { status: 200, body: toWire(found) };
  },
});
