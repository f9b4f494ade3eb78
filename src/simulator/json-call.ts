import type { Dispatcher, Pool } from 'undici';

/** What a service answered. */
export interface Answer {
  /** In words: the Device Manager. */
  readonly service: string;
  readonly status: number;
  readonly cookie: string | undefined;
  /** What Retry-After says. */
  readonly retryAfterSeconds: number | undefined;
  /** Undefined where the body is no JSON. */
  readonly value: unknown;
}

/** A call to one service: a text is sent as it is, all else as JSON. Throws UnansweredError, and what `signal` was ended with. */
export type Call = (method: 'GET' | 'POST', path: string, body?: unknown, headers?: Record<string, string>, signal?: AbortSignal | null) => Promise<Answer>;

/** Says that a simulation cannot go on, and why; without anything of a body. */
export class SimulationError extends Error {}

/** A service cannot be reached, or went away before it had answered. */
export class UnansweredError extends SimulationError {}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined; // whoever needs a value says so
  }
};

const secondsIn = (header: string | string[] | undefined): number | undefined => (typeof header === 'string' && /^\d{1,9}$/.test(header) ? Number(header) : undefined);

/** The code of trouble with a connection; undefined for what is wrong with the request itself. */
const troubleIn = (error: unknown): string | undefined => {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && code !== 'UND_ERR_INVALID_ARG' ? code : undefined;
};

const answerOf = async (service: string, { statusCode, headers, body }: Dispatcher.ResponseData): Promise<Answer> => ({
  service, status: statusCode, cookie: [headers['set-cookie'] ?? []].flat()[0]?.split(';')[0], retryAfterSeconds: secondsIn(headers['retry-after']), value: parsed(await body.text()),
});

/** Calls the service of this name at `base` through a pool of its own. */
export const caller = (pool: Pool, service: string, base: URL): Call => async (method, path, body, headers = {}, signal = null) => {
  const written = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  try {
    return await answerOf(service, await pool.request({
      method, path: `${base.pathname.replace(/\/$/, '')}${path}`, signal, headers: { ...(written !== undefined && { 'content-type': 'application/json' }), ...headers }, ...(written !== undefined && { body: written }),
    }));
  } catch (error) {
    const trouble = troubleIn(error);
    if (trouble === undefined || signal?.aborted === true) throw error;
    throw new UnansweredError(`${service.replace(/^t/, 'T')} at ${base.origin} does not answer (${trouble}).`);
  }
};

const codeIn = (value: unknown): string => (typeof value === 'object' && value !== null && 'code' in value && typeof value.code === 'string' ? ` ${value.code}` : '');

/** That a service does not answer what it should. */
export const unexpectedAnswer = (what: string, { service, status, value }: Answer): SimulationError => new SimulationError(`${what}: ${service} answers ${String(status)}${codeIn(value)}.`);

/** The answer. Throws SimulationError when it is no 2xx. */
export const fine = async (what: string, call: ReturnType<Call>): ReturnType<Call> => {
  const answer = await call;
  if (answer.status >= 300) throw unexpectedAnswer(what, answer);
  return answer;
};

/** What JSON was answered. Throws SimulationError when none was, or it is no 2xx. */
export const valueOf = async (what: string, call: ReturnType<Call>): Promise<unknown> => {
  const answer = await fine(what, call);
  if (answer.value === undefined) throw unexpectedAnswer(what, answer);
  return answer.value;
};
