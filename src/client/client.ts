import { openOutbox, type Outbox, type OutboxOptions } from './outbox.ts';
import { memoryStore, type OutboxStore } from './outbox-store.ts';
import { openSession, type Session, type SessionOptions } from './session.ts';

export type { Anchor, UploadQuery } from './outbox-entries.ts';
export { memoryStore, storageStore, type KeyValueStorage, type OutboxStore } from './outbox-store.ts';
export type { Outbox } from './outbox.ts';
export type { FlushOutcome, OutboxEvent } from './run.ts';
export type { Verdict } from './sending.ts';
export type { Session } from './session.ts';
export type { Api } from './session-api.ts';
export type { Gzip } from './upload-body.ts';
export { VitalgateError } from './vitalgate-error.ts';

/** How to reach a BFF, and what all outboxes of the client have. */
export interface ClientOptions extends SessionOptions, Pick<OutboxOptions, 'onEvent' | 'chunk' | 'gzip'> {
  /** Where outboxes live. Default: in memory, gone with the process. */
  readonly store?: OutboxStore;
}

/** Whose outbox it is, and what it has of its own. */
export type OpenOutboxOptions = Pick<OutboxOptions, 'owner' | 'name'> & Partial<Pick<OutboxOptions, 'store' | 'onEvent' | 'chunk' | 'gzip'>>;

/** A client of the BFF: every operation typed (`api`), a session, and outboxes. */
export interface VitalgateClient extends Pick<Session, 'api' | 'signIn' | 'signOut' | 'whoIsSignedIn'> {
  /**
   * Opens the outbox of one person (`owner`: what `whoIsSignedIn` answered), also while nobody is signed in. What waits in it is never
   * kept as somebody else's: each request names its owner, and the server refuses it where another person is signed in. Several of one
   * person send at once, each with a `name` of its own. Throws TypeError without an owner.
   */
  readonly openOutbox: (options: OpenOutboxOptions) => Outbox;
}

/** Makes a client for browsers, React Native and Node. Nothing is sent before the first call. */
export const createClient = (options: ClientOptions): VitalgateClient => {
  const session = openSession(options);
  const { store = memoryStore(), onEvent, chunk, gzip } = options;
  const openMore: VitalgateClient['openOutbox'] = (own) => openOutbox({ session, store, onEvent, chunk, gzip, ...own });
  return { api: session.api, signIn: session.signIn, signOut: session.signOut, whoIsSignedIn: session.whoIsSignedIn, openOutbox: openMore };
};
