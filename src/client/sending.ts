import type { DeletionReceipt, UploadReceipt } from '../../generated/bff.d.ts';
import { utf8Length } from './chunks.ts';
import { expecting } from './expected-user.ts';
import type { Sendable } from './outbox-entries.ts';
import type { Api } from './session-api.ts';
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

/** One entry on its way. */
export interface Upload {
  /** Bytes of the body as it is sent. */
  readonly bytes: number;
  /** Sends it once. Throws VitalgateError for a refusal of all, and what fetch throws when there was no answer. */
  readonly send: (api: Api, signal: AbortSignal) => Promise<Verdict[]>;
}

/** Makes the request of an entry of a person, so that nothing is left to do when it may be sent. */
export const uploadOf = async (entry: Sendable, owner: string, gzip: Gzip | undefined): Promise<Upload> => {
  const json = JSON.stringify(entry.kind === 'samples' ? entry.items : { deletions: entry.items.map((uuid) => ({ uuid })) });
  const { body, headers } = await uploadBody(json, gzip);
  return {
    bytes: typeof body === 'string' ? utf8Length(body) : body.byteLength,
    send: async (api, signal) => {
      const init = { headers: { ...headers, ...expecting(owner) }, bodySerializer: () => body, signal };
      const { data, error, response } = entry.kind === 'samples'
        ? await api.POST('/health-data', { ...init, params: { query: entry.query }, body: [] })
        : await api.POST('/health-data/deletions', { ...init, body: { deletions: [] } });
      if (data === undefined) throw errorOf(response, error);
      return verdictsOf(entry.items, (data as UploadReceipt | DeletionReceipt).items);
    },
  };
};

/** What to do about a failed attempt; docs/sync.md tells it as a table. */
export type Failure =
  | { readonly kind: 'wait'; readonly retryAfterSeconds: number | undefined }
  | { readonly kind: 'sign-in' }
  /** One item alone is at fault, or all of them are too much. */
  | { readonly kind: 'halve'; readonly error: VitalgateError }
  /** The body did not arrive in time: half of it may, and one item alone is tried again. */
  | { readonly kind: 'slow'; readonly retryAfterSeconds: number | undefined }
  /** All of the person was erased. */
  | { readonly kind: 'erased' }
  /** Somebody else signed in since it was asked who is signed in. */
  | { readonly kind: 'somebody-else' }
  | { readonly kind: 'park'; readonly error: VitalgateError };

/** Codes of bodies that cannot be read because of one of their items. */
const unreadable = new Set(['malformed-json', 'duplicate-key', 'forbidden-key', 'too-deep', 'not-utf8', 'invalid-text']);

/** Such a fault is of what is said of all items at once, however few they are. */
const isOutsideBody = ({ problem }: VitalgateError): boolean => problem?.errors?.some(({ pointer }) => /^\/(?:query|path|headers)\//.test(pointer)) === true;

/** Sorts failures: trouble that passes, an ended session, a body to halve, a person who is no more or not there, and what only a person can mend. */
export const failureOf = (error: unknown): Failure => {
  if (!(error instanceof VitalgateError)) return { kind: 'wait', retryAfterSeconds: undefined };
  const { status, code, retryable, retryAfterSeconds } = error;
  if (status === 401) return { kind: 'sign-in' };
  if (status === 413 || (unreadable.has(code) && !isOutsideBody(error))) return { kind: 'halve', error };
  if (status === 408) return { kind: 'slow', retryAfterSeconds };
  if (code === 'patient-erased') return { kind: 'erased' };
  if (code === 'signed-in-as-another') return { kind: 'somebody-else' };
  return retryable ? { kind: 'wait', retryAfterSeconds } : { kind: 'park', error };
};
