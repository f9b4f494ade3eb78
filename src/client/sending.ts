import type { DeletionReceipt, UploadReceipt } from '../../generated/bff.d.ts';
import type { OutboxEntry } from './outbox-entries.ts';
import type { Api } from './session.ts';
import { uploadBody, type Gzip } from './upload-body.ts';
import { errorOf, VitalgateError } from './vitalgate-error.ts';

/** What the BFF says of one sample or deletion. */
export interface Verdict {
  /** As it was enqueued: a sample, or a UUID. */
  readonly item: unknown;
  /** A status of the receipt; one that this version does not know is final, too. */
  readonly status: string;
  readonly _id?: string | undefined;
  readonly code?: string | undefined;
  readonly pointer?: string | undefined;
  readonly message?: string | undefined;
  /** Refused now, and may be accepted later: it stays in the outbox. */
  readonly stays: boolean;
}

type Requested = Exclude<OutboxEntry, { kind: 'anchor' }>;
type Item = UploadReceipt['items'][number] | DeletionReceipt['items'][number];

const verdictsOf = (items: readonly unknown[], receipt: readonly Item[]): Verdict[] => {
  const byIndex = new Map(receipt.map((one) => [one.index, one]));
  return items.map((item, index) => {
    const found = byIndex.get(index);
    // What a receipt does not speak of was not taken; it is sent again.
    if (!found) return { item, status: 'unanswered', stays: true };
    const { status, error } = found;
    return {
      item, status, stays: status === 'rejected' && error?.retryable === true, ...('_id' in found && { _id: found._id }),
      ...(error && { code: error.code, pointer: error.pointer, message: error.message }),
    };
  });
};

/** Sends one entry once. Throws VitalgateError for a refusal of all, and what fetch throws when there was no answer. */
export const send = async (api: Api, entry: Requested, { signal, gzip }: { readonly signal: AbortSignal | undefined; readonly gzip: Gzip | undefined }): Promise<Verdict[]> => {
  const json = JSON.stringify(entry.kind === 'samples' ? entry.items : { deletions: entry.items.map((uuid) => ({ uuid })) });
  const { body, headers } = await uploadBody(json, gzip);
  const init = { headers, bodySerializer: () => body, ...(signal && { signal }) };
  const { data, error, response } = entry.kind === 'samples'
    ? await api.POST('/health-data', { ...init, params: { query: entry.query }, body: [] })
    : await api.POST('/health-data/deletions', { ...init, body: { deletions: [] } });
  if (data === undefined) throw errorOf(response, error);
  return verdictsOf(entry.items, (data as UploadReceipt | DeletionReceipt).items);
};

/** What to do about a failed attempt. */
export type Failure =
  | { readonly kind: 'wait'; readonly retryAfterSeconds: number | undefined }
  | { readonly kind: 'sign-in' }
  | { readonly kind: 'halve' }
  | { readonly kind: 'park'; readonly error: VitalgateError };

/** Codes of bodies that cannot be read because of one of their items. */
const unreadable = new Set(['malformed-json', 'duplicate-key', 'forbidden-key', 'too-deep', 'not-utf8', 'invalid-text', 'payload-too-large', 'too-many-items']);

/** Sorts failures: trouble that passes, an ended session, a body to halve, and what only a person can mend. */
export const failureOf = (error: unknown): Failure => {
  if (!(error instanceof VitalgateError)) return { kind: 'wait', retryAfterSeconds: undefined };
  if (error.status === 401) return { kind: 'sign-in' };
  if (error.status === 413 || unreadable.has(error.code)) return { kind: 'halve' };
  if (error.retryable || error.status >= 500 || error.status === 429 || error.status === 408) return { kind: 'wait', retryAfterSeconds: error.retryAfterSeconds };
  return { kind: 'park', error };
};
