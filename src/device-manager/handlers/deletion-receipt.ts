import type { DeletionReceipt } from '../../../generated/device-manager.d.ts';
import { isUuid } from '../../healthkit/item-identity.ts';
import { UPLOAD_LIMITS } from '../../healthkit/limits.ts';
import { problem } from '../../http/problem.ts';
import type { DeletionStatus } from '../deleting.ts';

type Item = DeletionReceipt['items'][number];

const refusedAt = (index: number, list: string): Item => ({
  index, status: 'rejected', error: { code: 'invalid-id', pointer: `${list}/${String(index)}/uuid`, message: 'Send the UUID that the sample has in HealthKit.', retryable: false },
});

const receiptOf = (items: Item[]): DeletionReceipt => {
  const countOf = (wanted: Item['status']): number => items.filter(({ status }) => status === wanted).length;
  return { received: items.length, deleted: countOf('deleted'), alreadyDeleted: countOf('already-deleted'), unknown: countOf('unknown'), rejected: countOf('rejected'), items };
};

/** Deletes what is named by UUIDs and judges each name at its place in a `list` of the body. Throws too-many-items. */
export const deleteNamed = async (names: readonly unknown[], list: string, deleteSamples: (uuids: readonly string[]) => Promise<DeletionStatus[]>): Promise<DeletionReceipt> => {
  if (names.length > UPLOAD_LIMITS.maxItems) throw problem('too-many-items', { limits: UPLOAD_LIMITS });
  const fit = names.flatMap((uuid, index) => (isUuid(uuid) ? [{ index, uuid: uuid.toLowerCase() }] : []));
  const statuses = fit.length === 0 ? [] : await deleteSamples(fit.map(({ uuid }) => uuid));
  const found = new Map(fit.map(({ index }, position) => [index, statuses[position]] as const));
  return receiptOf(names.map((_, index): Item => {
    const status = found.get(index);
    return status === undefined ? refusedAt(index, list) : { index, status };
  }));
};
