import type { PasswordChange, paths, Session, UserInfo } from '../../../generated/user-manager.d.ts';
import specification from '../../../generated/user-manager.json' with { type: 'json' };
import { problem } from '../../http/problem.ts';
import { proving } from '../../http/request-source.ts';
import { createUpstream, type Upstream } from '../../http/upstream.ts';
import { refusedPassword } from './refused-password.ts';
import { sessionInCookies, sessionOfToken, tokenIn, type OpenedSession } from './session-credential.ts';
import { handOnTooManyRequests } from './too-many-requests.ts';
import { needing } from './what-is-needed.ts';

export type { PasswordChange, Session, UserInfo } from '../../../generated/user-manager.d.ts';

/** What the BFF asks of a User Manager: only what its public contract has. */
export interface UserManager {
  /** Throws `sign-in-failed` for wrong credentials, 429 after too many, 502 or 503 for anything else that goes wrong. `source` is who tries. */
  readonly signIn: (username: string, password: string, presentedSid: string | undefined, source: string) => Promise<OpenedSession>;
  /** The person of a session; undefined when the session is not valid. */
  readonly userInfo: (sid: string) => Promise<UserInfo | undefined>;
  readonly signOut: (sid: string) => Promise<void>;
  /** The sign-ins of the session's person. Throws `not-supported` where the upstream lists none, as `endSession` and `changePassword` do. */
  readonly sessions: (sid: string) => Promise<readonly Session[]>;
  /** Throws `not-found`. */
  readonly endSession: (sid: string, id: string) => Promise<void>;
  /** The session that goes on, if one does. Throws `sign-in-failed` for a wrong current password, and what is wrong with the new one. */
  readonly changePassword: (sid: string, change: PasswordChange, source: string) => Promise<OpenedSession | undefined>;
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

/** Tells our User Manager who tries, which it believes for the proof of each call; others do not look at it. */
const onBehalfOf = (source: string): Record<string, string> => ({ 'x-forwarded-for': source.replace(/\/64$/, '') });

const credentialOf = (sid: string, { carriesTokens }: Way): Record<string, string> => {
  const token = carriesTokens ? tokenIn(sid) : undefined;
  return token === undefined ? { cookie: `sid=${sid}` } : { authorization: `Bearer ${token}` };
};

const codeOf = (error: unknown): unknown => (typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined);
/** A refusal of our own says its code; a route that is missing elsewhere has none. */
const isOurs = (error: unknown): boolean => codeOf(error) === 'not-found';

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

const signIn = (client: Client, way: Way): UserManager['signIn'] => async (username, password, presentedSid, source) => {
  const presented = presentedSid === undefined ? {} : credentialOf(presentedSid, way);
  const headers = { 'client-type': way.clientType, ...('cookie' in presented && presented), ...onBehalfOf(source) };
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

const isMissing = (status: number): boolean => status === 405 || status === 501;

const ownSessions = (client: Client, way: Way): Pick<UserManager, 'sessions' | 'endSession' | 'changePassword'> => ({
  sessions: async (sid) => {
    const { data, error, response } = await client.GET('/sessions', { headers: credentialOf(sid, way) });
    if (isNobody(response.status, error)) throw problem('unauthenticated');
    if (response.status === 404 || isMissing(response.status)) throw problem('not-supported');
    if (data === undefined) throw unexpected('sessions', response.status);
    return data as readonly Session[];
  },
  endSession: async (sid, id) => {
    const { error, response } = await client.DELETE('/sessions/{id}', { params: { path: { id } }, headers: credentialOf(sid, way) });
    if (isNobody(response.status, error)) throw problem('unauthenticated');
    if (isMissing(response.status) || (response.status === 404 && !isOurs(error))) throw problem('not-supported');
    if (response.status === 404) throw problem('not-found');
    if (!response.ok) throw unexpected('the end of a session', response.status);
  },
  changePassword: async (sid, body, source) => {
    const { error, response } = await client.POST('/change-password', { body, headers: { ...credentialOf(sid, way), ...onBehalfOf(source) } });
    const refused = refusedPassword(error);
    if (refused !== undefined) throw refused;
    if (response.status === 401) throw codeOf(error) === 'sign-in-failed' ? problem('sign-in-failed', { detail: 'Check the current password.' }) : problem('unauthenticated');
    if (response.status === 404 || isMissing(response.status)) throw problem('not-supported');
    if (!response.ok) throw unexpected('change-password', response.status);
    return sessionInCookies(response.headers.getSetCookie());
  },
});

/** Connects to a User Manager as a client of the given type: for some it sets a cookie, for others it answers an access token. */
export const connectUserManager = (baseUrl: string, clientType: string, serviceToken: string): UserManager => {
  const client: Client = createUpstream<Paths>({ baseUrl, spec: needed, timeoutMs: 8_000, maxBytes: 1_048_576 });
  client.use(handOnTooManyRequests, proving(serviceToken));
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
    ...ownSessions(client, way),
    isAlive: async () => {
      const { response } = await client.GET('/-/healthz');
      if (!response.ok) throw unexpected('healthz', response.status);
    },
    close: client.close,
  };
};
