import type { DeletionReceipt } from '../../../generated/device-manager.d.ts';
import { isUuid } from '../../healthkit/item-identity.ts';
import { UPLOAD_LIMITS } from '../../healthkit/limits.ts';
import type { Handlers } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import { actorOf, type Caller, type Operations } from '../caller.ts';
import type { Deletion, DeletionStatus } from '../deleting.ts';
import { membersOf } from '../domain/rule.ts';
import { namedPatient } from './named-patient.ts';

export interface DeletionDependencies {
  /** The header in which a service names the patient. */
  readonly userIdHeader: string;
  readonly deleteSamples: (deletion: Deletion) => Promise<DeletionStatus[]>;
}

type Item = DeletionReceipt['items'][number];

const refusedAt = (index: number): Item => ({
  index, status: 'rejected', error: { code: 'invalid-id', pointer: `/deletions/${String(index)}/uuid`, message: 'Send the UUID that the sample has in HealthKit.', retryable: false },
});

const receiptOf = (items: readonly Item[]): DeletionReceipt => {
  const countOf = (wanted: Item['status']): number => items.filter(({ status }) => status === wanted).length;
  return { received: items.length, deleted: countOf('deleted'), alreadyDeleted: countOf('already-deleted'), unknown: countOf('unknown'), rejected: countOf('rejected'), items: [...items] };
};

/** Deletes what a patient's Health app has no longer. */
export const deletions = ({ userIdHeader, deleteSamples }: DeletionDependencies): Pick<Handlers<Operations, Caller>, 'deleteHealthKitSamples'> => ({
  deleteHealthKitSamples: async ({ caller, body, requestId }) => {
    const patientId = namedPatient(caller, userIdHeader);
    if (body.deletions.length > UPLOAD_LIMITS.maxItems) throw problem('too-many-items', { limits: UPLOAD_LIMITS });
    // The validator lets anything be an item.
    const uuids = (body.deletions as readonly unknown[]).map((item) => membersOf(item)['uuid']);
    const fit = uuids.flatMap((uuid, index) => (isUuid(uuid) ? [{ index, uuid: uuid.toLowerCase() }] : []));
    const statuses = fit.length === 0 ? [] : await deleteSamples({ patientId, uuids: fit.map(({ uuid }) => uuid), actor: actorOf(caller), requestId });
    const found = new Map(fit.map(({ index }, position) => [index, statuses[position]] as const));
    return { status: 200, body: receiptOf(uuids.map((_, index): Item => {
      const status = found.get(index);
      return status === undefined ? refusedAt(index) : { index, status };
    })) };
  },
});
