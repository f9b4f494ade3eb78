import type { Credentials } from '../../generated/bff.d.ts';
import { createApi, type Api } from './session-api.ts';
import { createChanges, type SessionChanges } from './session-changes.ts';
import { errorOf, VitalgateError } from './vitalgate-error.ts';

/** A session at the BFF. */
export interface Session {
  readonly api: Api;
  /** Throws VitalgateError with code sign-in-failed for a wrong name or password. */
  readonly signIn: (credentials: Credentials) => Promise<void>;
  /** Ends the session. Throws VitalgateError when it did not, and the session lives on. */
  readonly signOut: () => Promise<void>;
  /** The `sub` of the person, whose outbox may be sent. Throws VitalgateError with status 401 when nobody is signed in. */
  readonly whoIsSignedIn: () => Promise<string>;
  /**
   * Begins what only one person may do, or does nothing when somebody else is signed in. Who it is is asked each time: another tab may
   * have signed in, and a cookie tells nothing. Waits while the session changes here. Throws as whoIsSignedIn.
   */
  readonly as: <Result>(owner: string, signal: AbortSignal, begin: () => Promise<Result>) => Promise<Result | 'somebody-else'>;
  /** A mark of this moment: another one once somebody here began to sign in or out, or to change the password. */
  readonly now: () => number;
  /**
   * Tells whether somebody is signed in, after a 401 that may answer for a session before. Where nobody is, asks the app, once for all who
   * need one, unless it may not be asked or the person signed out after `since`. Throws what the app throws.
   */
  readonly renew: (options: { readonly since: number; readonly mayAsk: boolean }) => Promise<boolean>;
}

export interface SessionOptions {
  readonly baseUrl: string;
  readonly fetch?: typeof globalThis.fetch | undefined;
  /** Called when the session has ended: sign in again through the client and resolve true, or resolve false. */
  readonly onSignInNeeded?: ((signIn: Session['signIn']) => Promise<boolean>) | undefined;
}

/** Asks the app for a new session; who signs out meanwhile is not signed in again by what was asked before. */
const asking = ({ onSignInNeeded }: SessionOptions, changes: SessionChanges, signIn: Session['signIn']) => async (): Promise<boolean> => {
  const asked = changes.now();
  return (await onSignInNeeded?.(async (credentials) => {
    if (changes.isSignedOutSince(asked)) throw new Error('The person signed out while the app was asked to sign in again.');
    await signIn(credentials);
  })) ?? false;
};

/** Opens a session, which is there once somebody has signed in. */
export const openSession = (options: SessionOptions): Session => {
  const changes = createChanges();
  const api = createApi(options.baseUrl, options.fetch, changes);
  const signIn: Session['signIn'] = async (credentials) => {
    const { response, error } = await api.POST('/oauth/token', { body: credentials });
    if (!response.ok) throw errorOf(response, error);
  };
  const whoIsSignedIn = async (signal?: AbortSignal): Promise<string> => {
    const { data, response, error } = await api.GET('/profile', { ...(signal && { signal }) });
    if (data === undefined) throw errorOf(response, error);
    return data.sub;
  };
  // What else may be wrong, the next attempt is told.
  const isAnybody = () => whoIsSignedIn().then(() => true, (error: unknown) => !(error instanceof VitalgateError && error.status === 401));
  const ask = asking(options, changes, signIn);
  let renewing: Promise<boolean> | undefined;
  return {
    api,
    signIn,
    signOut: async () => {
      const { response, error } = await api.POST('/logout');
      if (!response.ok && response.status !== 401) throw errorOf(response, error);
    },
    whoIsSignedIn: () => whoIsSignedIn(),
    as: (owner, signal, begin) => changes.between(() => whoIsSignedIn(signal), async (who) => (who === owner ? begin() : 'somebody-else')),
    now: changes.now,
    renew: ({ since, mayAsk }) =>
      changes.between(isAnybody, async (isThere) => {
        if (isThere || !mayAsk || changes.isSignedOutSince(since)) return isThere;
        renewing ??= ask().finally(() => {
          renewing = undefined;
        });
        return renewing;
      }),
  };
};
