import type { paths } from '../../../generated/user-manager.d.ts';
import specification from '../../../generated/user-manager.json' with { type: 'json' };
import { problem, ProblemError, type ProblemItem } from '../../http/problem.ts';
import { createUpstream } from '../../http/upstream.ts';
import { refusedPassword } from './refused-password.ts';
import { tooManyRequests } from './too-many-requests.ts';

/** What the BFF asks a User Manager for who has forgotten the password, with the service credential. */
export interface ResetUpstream {
  /** The id to name to `requestReset`; undefined when nobody has the address. Throws 429, 502 or 503 for trouble there. */
  readonly userIdOf: (email: string, requestId: string) => Promise<string | undefined>;
  /**
   * Asks for a link and tells if the wish was taken, or the status it was refused with. Throws 503 for trouble there and nothing
   * else: a refusal may mean that nobody has the id, and must look like success to the asker.
   */
  readonly requestReset: (authUserId: string, requestId: string) => Promise<'taken' | { readonly refusedWith: number | undefined }>;
  /** Throws `reset-token-invalid`, `invalid-request` for the password, `not-supported` where there is no such route, else 429, 502 or 503. */
  readonly resetPassword: (token: string, password: string, requestId: string) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** People as others describe them have members of their own: here identifiers and address are all that matters. Others know the path with a slash alone. */
const people = { '/users/': { get: { responses: { '200': { content: { 'application/json': { schema: { type: 'array', items: { type: 'object' } } } } } } } } };
type Paths = paths & { readonly '/users/': paths['/users'] };
const contract = { ...specification, paths: { ...specification.paths, ...people } };

const unexpected = (what: string, status: number) => problem('upstream-invalid', { cause: new Error(`The User Manager answered ${String(status)} to ${what}.`) });

const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

/** An upstream that ignores the filter lists everybody: only who has the very address is meant. */
const idOf = (users: readonly Readonly<Record<string, unknown>>[], email: string): string | undefined => {
  const user = users.find((one) => textOf(one['email'])?.toLowerCase() === email.toLowerCase());
  return textOf(user?.['authUserId']) ?? textOf(user?.['_id']);
};

/** What a refusal of a reset means to the asker. */
const refusalOf = (error: unknown, status: number): ProblemError => {
  const { code, errors } = (typeof error === 'object' && error !== null ? error : {}) as { code?: unknown; errors?: readonly Partial<ProblemItem>[] };
  if (status === 404 || status === 405) return problem('not-supported');
  const refused = refusedPassword(error);
  if (refused !== undefined) return refused;
  if (status === 400 && code === 'reset-token-invalid') return problem('reset-token-invalid');
  if (status === 400 && code === 'invalid-request' && errors?.some(({ pointer }) => pointer === '/password')) {
    return problem('invalid-request', { errors: [{ pointer: '/password', code: 'password', message: 'Choose another password: this one is refused.' }] });
  }
  return unexpected('reset-password', status);
};

const isBrokenContract = (error: unknown): boolean => error instanceof ProblemError && error.code === 'upstream-invalid';

/** Connects to a User Manager for password resets. */
export const connectResets = (baseUrl: string, serviceToken: string): ResetUpstream => {
  const client = createUpstream<Paths>({ baseUrl, spec: contract, timeoutMs: 8_000, maxBytes: 1_048_576 });
  const headersOf = (requestId: string) => ({ authorization: `Bearer ${serviceToken}`, 'x-request-id': requestId });
  return {
    userIdOf: async (email, requestId) => {
      const { data, response } = await client.GET('/users/', { params: { query: { email } }, headers: headersOf(requestId) });
      if (response.status === 429) throw tooManyRequests(response);
      if (response.status === 400 || response.status === 404) return undefined;
      if (data === undefined) throw unexpected('users', response.status);
      return idOf(data as unknown as readonly Readonly<Record<string, unknown>>[], email);
    },
    requestReset: async (authUserId, requestId) => {
      try {
        const { response } = await client.POST('/users/change-password', { body: { authUserId }, headers: headersOf(requestId) });
        return response.ok ? 'taken' : { refusedWith: response.status };
      } catch (error) {
        if (isBrokenContract(error)) return { refusedWith: undefined };
        throw error;
      }
    },
    resetPassword: async (token, password, requestId) => {
      const { error, response } = await client.POST('/users/reset-password', { body: { token, password }, headers: headersOf(requestId) });
      if (response.status === 429) throw tooManyRequests(response);
      if (!response.ok) throw refusalOf(error, response.status);
    },
    close: client.close,
  };
};
