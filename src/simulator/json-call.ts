import type { Pool } from 'undici';

/** A JSON call to one service; rejects as undici does when `signal` ends it. */
export type Call = (method: 'GET' | 'POST', path: string, body?: unknown, headers?: Record<string, string>, signal?: AbortSignal | null) => Promise<{ status: number; cookie: string | undefined; value: unknown }>;

/** Calls through a pool, below a path. */
export const caller = (pool: Pool, prefix: string): Call => async (method, path, body, headers = {}, signal = null) => {
  const { statusCode, headers: answered, body: answer } = await pool.request({
    method, path: `${prefix}${path}`, signal, headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) }, ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: statusCode, cookie: [answered['set-cookie'] ?? []].flat()[0]?.split(';')[0], value: text === '' ? undefined : (JSON.parse(text) as unknown) };
};

/** Says that a simulation cannot go on, and why; without anything of a body. */
export class SimulationError extends Error {}

const codeIn = (value: unknown): string => (typeof value === 'object' && value !== null && 'code' in value && typeof value.code === 'string' ? ` ${value.code}` : '');

/** The answer. Throws SimulationError when it is no 2xx. */
export const fine = async (what: string, call: ReturnType<Call>): ReturnType<Call> => {
  const answer = await call;
  if (answer.status >= 300) throw new SimulationError(`${what}: answered ${String(answer.status)}${codeIn(answer.value)}.`);
  return answer;
};
