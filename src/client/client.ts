import { openOutbox, type Outbox, type OutboxOptions } from './outbox.ts';
import { memoryStore, type OutboxStore } from './outbox-store.ts';
import { openSession, type Session, type SessionOptions } from './session.ts';

export type { Anchor, UploadQuery } from './outbox-entries.ts';
export { memoryStore, storageStore, type KeyValueStorage, type OutboxStore } from './outbox-store.ts';
export type { FlushOutcome, OutboxEvent } from './flushing.ts';
export type { Outbox } from './outbox.ts';
export type { Verdict } from './sending.ts';
export type { Api, Session } from './session.ts';
export type { Gzip } from './upload-body.ts';
export { VitalgateError } from './vitalgate-error.ts';

/** How to reach a BFF, and where its outbox lives. */
export interface ClientOptions extends SessionOptions, Pick<OutboxOptions, 'onEvent' | 'chunk' | 'gzip'> {
  /** Default: in memory, gone with the process. */
  readonly store?: OutboxStore;
}

/** What another outbox of one client has of its own. */
export type MoreOutboxOptions = Pick<ClientOptions, 'store' | 'onEvent' | 'chunk' | 'gzip'>;

/** A client of the BFF: every operation typed (`api`), a session, and an outbox. */
export interface VitalgateClient extends Pick<Session, 'api' | 'signIn' | 'signOut'> {
  readonly outbox: Outbox;
  /** Another outbox under the same session, so that several send at once. Each needs a store of its own. */
  readonly openOutbox: (options: MoreOutboxOptions) => Outbox;
}

/** Makes a client for browsers, React Native and Node. Nothing is sent before the first call. */
export const createClient = (options: ClientOptions): VitalgateClient => {
  const session = openSession(options);
  const open: VitalgateClient['openOutbox'] = ({ store = memoryStore(), onEvent, chunk, gzip }) => openOutbox({ session, store, onEvent, chunk, gzip });
  return { api: session.api, signIn: session.signIn, signOut: session.signOut, outbox: open(options), openOutbox: open };
};
