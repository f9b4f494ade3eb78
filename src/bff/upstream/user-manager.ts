import type { paths, UserInfo } from '../../../generated/user-manager.d.ts';
import specification from '../../../generated/user-manager.json' with { type: 'json' };
import { problem } from '../../http/problem.ts';
import { createUpstream, type Upstream } from '../../http/upstream.ts';
import { sessionInCookies, sessionOfToken, tokenIn, type OpenedSession } from './session-credential.ts';
import { handOnTooManyRequests } from './too-many-requests.ts';
import { needing } from './what-is-needed.ts';

export type { UserInfo } from '../../../generated/user-manager.d.ts';

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

const text = { type: 'string', minLength: 1 };
const anyContent = { 'text/html': {}, 'text/plain': {}, 'application/json': {} };
/** What other vendors answer beside it differs: an `_id` may be missing, an expiry may be a number; they sign out by GET. */
const needed = needing(
  specification,
  { UserInfo: { type: 'object', required: ['sub'], properties: { sub: text } }, Tokens: { type: 'object', required: ['accessToken'], properties: { accessToken: text } } },
  { '/logout': { ...specification.paths['/logout'], get: { responses: { '2XX': { content: anyContent, 'x-empty-body': true } } } } },
);
type Paths = Omit<paths, '/logout'> & { '/logout': Omit<paths['/logout'], 'get'> & { get: { responses: { 200: { headers: Record<string, unknown>; content?: never } } } } };
type Client = Upstream<Paths>;

/** How the User Manager is spoken to: `carriesTokens` where its answer to sign-in may be an access token instead of a cookie. */
interface Way {
  readonly clientType: string;
  readonly carriesTokens: boolean;
}

const credentialOf = (sid: string, { carriesTokens }: Way): Record<string, string> => {
  const token = carriesTokens ? tokenIn(sid) : undefined;
  return token === undefined ? { cookie: `sid=${sid}` } : { authorization: `Bearer ${token}` };
};

const messageOf = (error: unknown): string => (typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : '');

/** 401 and 403 say so by status; a user without a record of authentication is told by the message. */
const isNobody = (status: number, error: unknown): boolean => status === 401 || status === 403 || /user not logged/i.test(messageOf(error));

const noSession = (clientType: string) =>
  problem('upstream-invalid', { cause: new Error(`The User Manager answered sign-in without a session for the client type ${clientType}: CLIENT_TYPE must be one for which it sets the cookie sid, or one but website for which it answers an access token.`) });

/** Wrong credentials; other vendors answer 401 to a client they do not know, which only the log may tell apart. */
const signInFailed = (clientType: string, status: number, error: unknown) => {
  const isUnknownClient = status === 401 && !(typeof error === 'object' && error !== null && 'code' in error);
  return problem('sign-in-failed', isUnknownClient ? { cause: new Error(`The User Manager answered 401 to sign-in: it may not know the client type ${clientType}, which CLIENT_TYPE names.`) } : {});
};

/** Ends a session by POST, as ours does, or else by GET, as others may; the status tells what came of it. */
const end = async (client: Client, headers: Record<string, string>): Promise<number> => {
  const { status } = (await client.POST('/logout', { headers })).response;
  return status === 404 || status === 405 ? (await client.GET('/logout', { headers })).response.status : status;
};

const signIn = (client: Client, way: Way): UserManager['signIn'] => async (username, password, presentedSid) => {
  const presented = presentedSid === undefined ? {} : credentialOf(presentedSid, way);
  const headers = { 'client-type': way.clientType, ...('cookie' in presented && presented) };
  const { data, error, response } = await client.POST('/oauth/token', { body: { username, password }, headers });
  if (response.status === 401 || response.status === 403) throw signInFailed(way.clientType, response.status, error);
  if (!response.ok) throw unexpected('sign-in', response.status);
  const session = sessionInCookies(response.headers.getSetCookie()) ?? (way.carriesTokens && data !== undefined ? sessionOfToken(data) : undefined);
  if (session === undefined) throw noSession(way.clientType);
  // A token presented has no place in that request; where it cannot be ended now it ends by itself.
  if ('authorization' in presented) await end(client, presented).catch(() => undefined);
  return session;
};

const signOut = (client: Client, way: Way): UserManager['signOut'] => async (sid) => {
  const status = await end(client, credentialOf(sid, way));
  // A User Manager of others may know no sign-out, and a session may have ended meanwhile: the cookie goes all the same.
  if (status >= 400 && ![401, 404, 405].includes(status)) throw unexpected('logout', status);
};

/** Connects to a User Manager as a client of the given type: for some it sets a cookie, for others it answers an access token. */
export const connectUserManager = (baseUrl: string, clientType: string): UserManager => {
  const client: Client = createUpstream<Paths>({ baseUrl, spec: needed, timeoutMs: 8_000, maxBytes: 1_048_576 });
  client.use(handOnTooManyRequests);
  const way = { clientType, carriesTokens: clientType !== 'website' };
  return {
    signIn: signIn(client, way),
    userInfo: async (sid) => {
      const { data, error, response } = await client.GET('/userinfo', { headers: credentialOf(sid, way) });
      if (isNobody(response.status, error)) return undefined;
      if (data === undefined) throw unexpected('userinfo', response.status);
      return data;
    },
    signOut: signOut(client, way),
    isAlive: async () => {
      const { response } = await client.GET('/-/healthz');
      if (!response.ok) throw unexpected('healthz', response.status);
    },
    close: client.close,
  };
};
