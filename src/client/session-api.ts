import createFetchClient, { type Client } from 'openapi-fetch';
import type { paths } from '../../generated/bff.d.ts';
import type { SessionChanges } from './session-changes.ts';

/** The BFF with every operation and answer typed. */
export type Api = Client<paths>;

/** Node keeps no cookies; browsers and React Native do, and show nobody the cookie they keep. */
const cookieIn = (response: Response): string | undefined => {
  const cookies = typeof response.headers.getSetCookie === 'function' ? response.headers.getSetCookie() : [];
  return cookies.map((cookie) => cookie.split(';', 1)[0] ?? '').find((pair) => /^(?:__Host-)?sid=/.test(pair));
};

const SIGN_OUT = '/logout';
/** Whose answers open, replace or end a session, whoever calls them. */
const changing: readonly (keyof paths)[] = ['/oauth/token', '/change-password', SIGN_OUT];

/**
 * The typed operations, with those that change the session told to `changes`; cookies are the platform's where it keeps some, else kept
 * here until the session has ended.
 */
export const createApi = (baseUrl: string, given: typeof globalThis.fetch | undefined, changes: SessionChanges): Api => {
  const reach = given ?? ((input: Request) => globalThis.fetch(input));
  let cookie: string | undefined;
  const send = async (request: Request): Promise<Response> => {
    if (cookie !== undefined) request.headers.set('cookie', cookie);
    const response = await reach(request);
    const set = cookieIn(response);
    if (set !== undefined) cookie = set.endsWith('sid=') ? undefined : set;
    // A sign-out that failed is called again, and needs the session that it shall end.
    if (response.status === 401 && request.url.endsWith(SIGN_OUT)) cookie = undefined;
    return response;
  };
  const fetch = (request: Request): Promise<Response> => {
    const isOf = (path: string) => request.method === 'POST' && request.url.endsWith(path);
    return changing.some(isOf) ? changes.make(isOf(SIGN_OUT), () => send(request)) : send(request);
  };
  return createFetchClient<paths>({ baseUrl: baseUrl.replace(/\/$/, ''), fetch, credentials: 'include' });
};
