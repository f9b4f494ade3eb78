import type { IncomingHttpHeaders } from 'node:http';

/** One request that reached an upstream. */
export interface Arrived {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The connection ends after the headers and this body, whatever they promise. */
  readonly breaksOff?: boolean;
}

/** What the original contract leaves open, or says otherwise than its programs do. */
export interface Ways {
  /** Attributes of the cookie `sid`, in any order. */
  readonly cookieAttributes: string;
  /** Form of a user's `_id`; people who were never made in the CRUD have none. */
  readonly userId: '24 hex' | '32 hex' | 'none';
  readonly expireAt: 'nanoseconds' | 'seconds';
  /** The documents say text, the programs answer a number. */
  readonly statusCode: 'number' | 'text';
  /** A proxy may label what has no content. */
  readonly labelsEmptyAnswers: boolean;
  /** Older programs wrap the refusal of their identity provider. */
  readonly wrongPassword: 403 | 500;
  readonly deviceTaken: 409 | 400;
  readonly signsOutByGet: boolean;
  /** What a person without a record of authentication is told; such a person signs in as `unlinked`. */
  readonly notLogged: 400 | 403 | 404;
}

export const usualWays: Ways = {
  cookieAttributes: 'Path=/; Max-Age=86400; HttpOnly; Secure', userId: '24 hex', expireAt: 'nanoseconds', statusCode: 'number',
  labelsEmptyAnswers: true, wrongPassword: 403, deviceTaken: 409, signsOutByGet: true, notLogged: 403,
};

export const json = (value: unknown, status = 200): Answer => ({ status, headers: { 'content-type': 'application/json; charset=utf-8' }, body: JSON.stringify(value) });

const names: Readonly<Record<number, string>> = { 400: 'Bad request', 401: 'Unauthorized', 403: 'Forbidden', 404: 'Not Found', 409: 'Conflict', 500: 'Internal Server Error' };

/** A refusal of the vendor's own services. */
export const refusal = (ways: Ways, status: number, message: string): Answer =>
  json({ statusCode: ways.statusCode === 'text' ? String(status) : status, error: names[status], message }, status);

/** A refusal of the vendor's CRUD, which tells no status in its body. */
export const crudRefusal = (status: number, error: string): Answer => json({ error }, status);

export const empty = (ways: Ways, status: number, headers: Readonly<Record<string, string>> = {}): Answer => ({
  status,
  headers: { ...(ways.labelsEmptyAnswers && { 'content-type': 'text/html', ...(status !== 204 && { 'content-length': '0' }) }), ...headers },
});

/** A route: undefined when the request is for another one. */
export type Route = (request: Arrived) => Answer | undefined;

export const bodyOf = ({ bytes }: Arrived): unknown => {
  try {
    return bytes.length === 0 ? undefined : (JSON.parse(bytes.toString()) as unknown);
  } catch {
    return undefined;
  }
};

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);
