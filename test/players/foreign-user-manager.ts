import { randomBytes } from 'node:crypto';
import { bodyOf, empty, isObject, json, refusal, type Answer, type Arrived, type Route, type Ways } from './answer.ts';

/** A person as the vendor knows them. */
export interface ForeignUser {
  readonly username: string;
  readonly password: string;
  readonly authUserId: string;
  readonly email: string;
  readonly _id: string | undefined;
  readonly claims: Readonly<Record<string, unknown>>;
}

export interface ForeignUserManager {
  readonly route: Route;
  readonly add: (username: string, password: string, claims?: Readonly<Record<string, unknown>>) => ForeignUser;
  readonly block: (user: ForeignUser) => void;
  /** Lets every session of a user run out. */
  readonly expire: (user: ForeignUser) => void;
  /** What clients hold of the open sessions. */
  readonly credentials: () => readonly string[];
}

/** Client types that were set up, and whether each gets a cookie. */
const clients: Readonly<Record<string, 'cookie' | 'tokens'>> = { website: 'cookie', portal: 'cookie', mobile: 'tokens' };

const HOUR_MS = 3_600_000;

interface Session {
  readonly user: ForeignUser;
  readonly untilMs: number;
}

const crudUser = ({ _id, username, email, authUserId }: ForeignUser) => ({
  _id, username, email, authUserId, creatorId: 'public', createdAt: '2024-07-01T08:00:00.000Z', updaterId: 'public', updatedAt: '2024-07-01T08:00:00.000Z', __STATE__: 'PUBLIC',
});

const userInfo = (user: ForeignUser) => ({
  sub: user.authUserId, name: user.username, nickname: user.username, email: user.email, picture: 'https://s.gravatar.com/avatar/none.png',
  ...(user._id !== undefined && crudUser(user)),
  // The identity provider's own clock text, where OpenID Connect has a number.
  updated_at: '2024-07-01T08:00:00.000Z',
  ...user.claims,
});

const idOf = ({ userId }: Ways): string | undefined => (userId === 'none' ? undefined : randomBytes(userId === '24 hex' ? 12 : 16).toString('hex'));

const credentialIn = ({ headers }: Arrived): string | undefined =>
  /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1] ?? /(?:^|;\s*)sid=([^;]+)/.exec(headers.cookie ?? '')?.[1];

const tokens = (ways: Ways, accessToken: string, untilMs: number): Answer =>
  json({
    accessToken, refreshToken: randomBytes(24).toString('base64url'), idToken: `${accessToken}.id`,
    expireAt: ways.expireAt === 'seconds' ? Math.floor(untilMs / 1000) : new Date(untilMs).toISOString().replace('Z', '123456Z'),
  });

/** People and their sessions, in memory. */
export const foreignUserManager = (ways: Ways): ForeignUserManager => {
  const users = new Map<string, ForeignUser>();
  const blocked = new Set<ForeignUser>();
  const sessions = new Map<string, Session>();

  const wrongPassword = (): Answer =>
    ways.wrongPassword === 403 ? refusal(ways, 403, 'Wrong email or password.') : refusal(ways, 500, 'Error calling the identity provider: {"error":"invalid_grant","error_description":"Wrong email or password."}');

  const signIn = (request: Arrived): Answer => {
    const kind = clients[String(request.headers['client-type'])];
    if (kind === undefined) return refusal(ways, 401, 'Unknown client');
    const body = bodyOf(request);
    if (!isObject(body)) return refusal(ways, 400, 'body must be object');
    const user = users.get(String(body['username']));
    if (user?.password !== body['password'] || user === undefined || blocked.has(user)) return wrongPassword();
    const credential = randomBytes(18).toString('base64');
    const untilMs = Date.now() + HOUR_MS;
    sessions.set(credential, { user, untilMs });
    return kind === 'tokens' ? tokens(ways, credential, untilMs) : empty(ways, 200, { 'set-cookie': `sid=${credential}; ${ways.cookieAttributes}` });
  };

  const whoIs = (request: Arrived): Answer => {
    const session = sessions.get(credentialIn(request) ?? '');
    if (session === undefined || session.untilMs <= Date.now()) return refusal(ways, 401, 'Unauthorized');
    if (session.user.username === 'unlinked') return refusal(ways, ways.notLogged, 'Missing authUserId, user not logged');
    return json(userInfo(session.user));
  };

  const changePassword = (request: Arrived): Answer => {
    const body = bodyOf(request);
    if (!isObject(body) || typeof body['authUserId'] !== 'string') return refusal(ways, 400, "body must have required property 'authUserId'");
    const known = [...users.values()].some(({ authUserId }) => authUserId === body['authUserId']);
    return known ? empty(ways, 204) : refusal(ways, 404, 'User not found');
  };

  const signOut = (request: Arrived): Answer => {
    sessions.delete(credentialIn(request) ?? '');
    return { status: 302, headers: { location: '/', 'content-type': 'text/html', 'set-cookie': 'sid=; Path=/; Max-Age=0' }, body: '<a href="/">Found</a>' };
  };

  const route: Route = (request) => {
    const operation = `${request.method} ${request.url.pathname}`;
    if (operation === 'POST /oauth/token') return signIn(request);
    if (operation === 'GET /userinfo') return whoIs(request);
    if (operation === 'GET /logout' && ways.signsOutByGet) return signOut(request);
    if (operation === 'GET /users/') return json([...users.values()].filter(({ email, _id }) => _id !== undefined && email === request.url.searchParams.get('email')).map(crudUser));
    if (operation === 'POST /users/change-password') return changePassword(request);
    return undefined;
  };

  return {
    route,
    add: (username, password, claims = {}) => {
      const user = { username, password, authUserId: `auth0|${randomBytes(12).toString('hex')}`, email: `${username}@example.org`, _id: idOf(ways), claims };
      users.set(username, user);
      return user;
    },
    block: (user) => void blocked.add(user),
    expire: (user) => {
      for (const [credential, session] of sessions) if (session.user === user) sessions.set(credential, { user, untilMs: 0 });
    },
    credentials: () => [...sessions.keys()],
  };
};
