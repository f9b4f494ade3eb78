import createFetchClient, { type Client } from 'openapi-fetch';
import type { Credentials, paths } from '../../generated/bff.d.ts';
import { errorOf } from './vitalgate-error.ts';

/** The BFF with every operation and answer typed. */
export type Api = Client<paths>;

/** A session at the BFF. */
export interface Session {
  readonly api: Api;
  /** Throws VitalgateError with code sign-in-failed for a wrong name or password. */
  readonly signIn: (credentials: Credentials) => Promise<void>;
  readonly signOut: () => Promise<void>;
  /** The `sub` of the person, whose outbox may be sent. Throws VitalgateError with status 401 when nobody is signed in. */
  readonly whoIsSignedIn: () => Promise<string>;
  /**
   * Begins what only one person may do, or does nothing when somebody else is signed in. Who it is is asked each time: another tab may
   * have signed in, and a cookie tells nothing. Waits while somebody signs in or out here. Throws as whoIsSignedIn.
   */
  readonly as: <Result>(owner: string, signal: AbortSignal, begin: () => Promise<Result>) => Promise<Result | 'somebody-else'>;
  /** Asks the app for a new session, once for all who need one; tells whether there is one now. */
  readonly renew: () => Promise<boolean>;
}

export interface SessionOptions {
  readonly baseUrl: string;
  readonly fetch?: typeof globalThis.fetch | undefined;
  /** Called when the session has ended: sign in again through the client and resolve true, or resolve false. */
  readonly onSignInNeeded?: ((signIn: Session['signIn']) => Promise<boolean>) | undefined;
}

/** Node keeps no cookies; browsers and React Native do, and show nobody the cookie they keep. */
const cookieIn = (response: Response): string | undefined => {
  const cookies = typeof response.headers.getSetCookie === 'function' ? response.headers.getSetCookie() : [];
  return cookies.map((cookie) => cookie.split(';', 1)[0] ?? '').find((pair) => /^(?:__Host-)?sid=/.test(pair));
};

/** Signing in and out, of which other things of the session keep clear. */
const createChanges = () => {
  let begun = 0;
  let through: Promise<unknown> = Promise.resolve();
  return {
    make: (change: () => Promise<void>): Promise<void> => {
      begun += 1;
      const done = change();
      through = Promise.allSettled([through, done]);
      return done;
    },
    /** Begins when it is the owner, and none of them came between the question and its answer. */
    between: async <Result>(isOwner: () => Promise<boolean>, begin: () => Promise<Result>): Promise<Result | 'somebody-else'> => {
      for (;;) {
        await through;
        const before = begun;
        if (!(await isOwner())) return 'somebody-else';
        if (before === begun) return begin();
      }
    },
  };
};

/** The typed operations; cookies are the platform's where it keeps some, else kept here until they are forgotten. */
const createApi = (baseUrl: string, given: SessionOptions['fetch']): { readonly api: Api; readonly forgetCookie: () => void } => {
  const fetch = given ?? ((input: Request) => globalThis.fetch(input));
  let cookie: string | undefined;
  const api = createFetchClient<paths>({ baseUrl: baseUrl.replace(/\/$/, ''), fetch, credentials: 'include' });
  api.use({
    onRequest: ({ request }) => {
      if (cookie !== undefined) request.headers.set('cookie', cookie);
      return request;
    },
    onResponse: ({ response }) => {
      const set = cookieIn(response);
      if (set !== undefined) cookie = set.endsWith('sid=') ? undefined : set;
    },
  });
  return { api, forgetCookie: () => (cookie = undefined) };
};

/** Opens a session, which is there once somebody has signed in. */
export const openSession = ({ baseUrl, fetch, onSignInNeeded }: SessionOptions): Session => {
  const { api, forgetCookie } = createApi(baseUrl, fetch);
  const changes = createChanges();
  const signIn: Session['signIn'] = (credentials) =>
    changes.make(async () => {
      const { response, error } = await api.POST('/oauth/token', { body: credentials });
      if (!response.ok) throw errorOf(response, error);
    });
  const whoIsSignedIn = async (signal?: AbortSignal): Promise<string> => {
    const { data, response, error } = await api.GET('/profile', { ...(signal && { signal }) });
    if (data === undefined) throw errorOf(response, error);
    return data.sub;
  };
  let renewing: Promise<boolean> | undefined;
  return {
    api,
    signIn,
    signOut: () =>
      changes.make(async () => {
        const { response, error } = await api.POST('/logout');
        forgetCookie();
        if (!response.ok && response.status !== 401) throw errorOf(response, error);
      }),
    whoIsSignedIn: () => whoIsSignedIn(),
    as: (owner, signal, begin) => changes.between(async () => (await whoIsSignedIn(signal)) === owner, begin),
    renew: () => {
      renewing ??= (onSignInNeeded?.(signIn) ?? Promise.resolve(false)).finally(() => {
        renewing = undefined;
      });
      return renewing;
    },
  };
};
