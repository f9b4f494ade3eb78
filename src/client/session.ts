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

/** Opens a session: cookies are the platform's where it keeps some, else kept here. */
export const openSession = ({ baseUrl, fetch: given, onSignInNeeded }: SessionOptions): Session => {
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
  const signIn: Session['signIn'] = async (credentials) => {
    const { response, error } = await api.POST('/oauth/token', { body: credentials });
    if (!response.ok) throw errorOf(response, error);
  };
  let renewing: Promise<boolean> | undefined;
  return {
    api,
    signIn,
    signOut: async () => {
      const { response, error } = await api.POST('/logout');
      cookie = undefined;
      if (!response.ok && response.status !== 401) throw errorOf(response, error);
    },
    renew: () => {
      renewing ??= (onSignInNeeded?.(signIn) ?? Promise.resolve(false)).finally(() => {
        renewing = undefined;
      });
      return renewing;
    },
  };
};
