import type { ReceiptItem, UploadReceipt } from '../../../generated/bff.d.ts';
import type { ItemError } from '../../healthkit/item-error.ts';
import type { VettedSample } from '../../healthkit/vetting.ts';
import type { Kept } from '../upstream/device-manager.ts';

const countOf = (items: readonly ReceiptItem[], status: ReceiptItem['status']): number => items.filter((item) => item.status === status).length;

/** How a sample was read, where it does not say so itself. */
const interpretationOf = (sample: VettedSample | undefined): Pick<ReceiptItem, 'assumed' | 'type' | 'unit'> => {
  if (sample === undefined || sample.assumed.length === 0) return {};
  const { assumed, type, unit } = sample;
  return { assumed, ...(type !== undefined && { type }), ...(unit !== undefined && { unit }) };
};

/**
 * Joins what was refused here with what the Device Manager kept: `accepted` holds the samples that were forwarded, in their
 * order. The app may advance its anchor unless a refused sample could be accepted later.
 */
export const receiptOf = (errors: readonly ItemError[], accepted: readonly VettedSample[], kept: Kept): UploadReceipt => {
  const items: ReceiptItem[] = [
    ...errors.map(({ index, ...error }) => ({ index, status: 'rejected' as const, error })),
    ...kept.items.map((item, position) => ({ index: accepted[position]?.index ?? position, ...item, ...interpretationOf(accepted[position]) })),
  ].sort((a, b) => a.index - b.index);
  return {
    ...(kept.uploadId !== undefined && { uploadId: kept.uploadId }),
    received: items.length,
    created: countOf(items, 'created'),
    duplicates: countOf(items, 'duplicate'),
    conflicts: countOf(items, 'conflict'),
    rejected: countOf(items, 'rejected'),
    unsupported: countOf(items, 'unsupported'),
    deleted: countOf(items, 'deleted'),
    items,
    ...(kept.deletions && { deletions: kept.deletions }),
    anchor: { safeToAdvance: errors.every(({ retryable }) => !retryable) },
  };
};
