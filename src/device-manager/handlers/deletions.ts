import type { Handlers } from '../../http/operation.ts';
import { actorOf, type Caller, type Operations } from '../caller.ts';
import type { Deletion, DeletionStatus } from '../deleting.ts';
import { membersOf } from '../domain/rule.ts';
import { deleteNamed } from './deletion-receipt.ts';
import { namedPatient } from './named-patient.ts';

export interface DeletionDependencies {
  /** The header in which a service names the patient. */
  readonly userIdHeader: string;
  readonly deleteSamples: (deletion: Deletion) => Promise<DeletionStatus[]>;
}

/** Deletes what a patient's Health app has no longer. */
export const deletions = ({ userIdHeader, deleteSamples }: DeletionDependencies): Pick<Handlers<Operations, Caller>, 'deleteHealthKitSamples'> => ({
  deleteHealthKitSamples: async ({ caller, body, requestId }) => {
    const patientId = namedPatient(caller, userIdHeader);
    // The validator lets anything be an item.
    const names = (body.deletions as readonly unknown[]).map((item) => membersOf(item)['uuid']);
    return { status: 200, body: await deleteNamed(names, '/deletions', (uuids) => deleteSamples({ patientId, uuids, actor: actorOf(caller), requestId })) };
  },
});
