import type { paths, UserInfo } from '../../../generated/user-manager.d.ts';
import specification from '../../../generated/user-manager.json' with { type: 'json' };
import { problem } from '../../http/problem.ts';
import { createUpstream } from '../../http/upstream.ts';

export type { UserInfo } from '../../../generated/user-manager.d.ts';

/** A session the User Manager opened. */
export interface OpenedSession {
  readonly sid: string;
  readonly maxAgeSeconds: number;
}

/** What the BFF asks of a User Manager: only what its public contract has. */
export interface UserManager {
  /** Throws `sign-in-failed` for wrong credentials, 502 or 503 for anything else that goes wrong. */
  readonly signIn: (username: string, password: string, presentedSid: string | undefined) => Promise<OpenedSession>;
  /** The person of a session; undefined when the session is not valid. */
  readonly userInfo: (sid: string) => Promise<UserInfo | undefined>;
  readonly signOut: (sid: string) => Promise<void>;
  readonly isAlive: () => Promise<unknown>;
  readonly close: () => Promise<void>;
}

const unexpected = (what: string, status: number) => problem('upstream-invalid', { cause: new Error(`The User Manager answered ${String(status)} to ${what}.`) });

const openedBy = (cookies: readonly string[]): OpenedSession | undefined => {
  const cookie = cookies.find((one) => /^sid=[^;]/.test(one));
  const sid = cookie === undefined ? undefined : /^sid=([\x21-\x3a\x3c-\x7e]+)/.exec(cookie)?.[1];
  const maxAge = Number(/;\s*Max-Age=(\d{1,9})/i.exec(cookie ?? '')?.[1] ?? 86_400);
  return sid === undefined ? undefined : { sid, maxAgeSeconds: maxAge };
};

/** Connects to a User Manager. */
export const connectUserManager = (baseUrl: string): UserManager => {
  const client = createUpstream<paths>({ baseUrl, spec: specification, timeoutMs: 8_000, maxBytes: 1_048_576 });
  const cookie = (sid: string) => ({ cookie: `sid=${sid}` });
  return {
    signIn: async (username, password, presentedSid) => {
      const headers = { 'client-type': 'website', ...(presentedSid !== undefined && cookie(presentedSid)) };
      const { response } = await client.POST('/oauth/token', { body: { username, password }, headers });
      if (response.status === 401 || response.status === 403) throw problem('sign-in-failed');
      if (response.status === 429) throw problem('too-many-requests', { retryAfterSeconds: Number(response.headers.get('retry-after') ?? 2) });
      const session = response.ok ? openedBy(response.headers.getSetCookie()) : undefined;
      if (session === undefined) throw unexpected('sign-in', response.status);
      return session;
    },
    userInfo: async (sid) => {
      const { data, response } = await client.GET('/userinfo', { headers: cookie(sid) });
      if (response.status === 401 || response.status === 403) return undefined;
      if (data === undefined) throw unexpected('userinfo', response.status);
      return data;
    },
    signOut: async (sid) => {
      const { response } = await client.POST('/logout', { headers: cookie(sid) });
      // A User Manager of others may have no such route, and a session may have ended meanwhile: the cookie goes all the same.
      if (!response.ok && ![401, 404, 405].includes(response.status)) throw unexpected('logout', response.status);
    },
    isAlive: async () => {
      const { response } = await client.GET('/-/healthz');
      if (!response.ok) throw unexpected('healthz', response.status);
    },
    close: client.close,
  };
};
