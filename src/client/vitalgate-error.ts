import type { Problem } from '../../generated/bff.d.ts';

/** A refusal of the BFF, or an answer that is none of it. */
export class VitalgateError extends Error {
  readonly status: number;
  /** Stable code of the problem; '' where the answer had none (a proxy's, for example). */
  readonly code: string;
  readonly retryable: boolean;
  readonly retryAfterSeconds: number | undefined;
  readonly problem: Problem | undefined;

  constructor(response: Response, problem: Problem | undefined) {
    super(problem?.detail ?? `The server answered ${String(response.status)}.`);
    this.name = 'VitalgateError';
    this.status = response.status;
    this.code = problem?.code ?? '';
    this.retryable = problem?.retryable ?? (response.status === 429 || response.status >= 500);
    this.retryAfterSeconds = secondsIn(response.headers.get('retry-after'));
    this.problem = problem;
  }
}

const secondsIn = (header: string | null): number | undefined => {
  const seconds = Number(header ?? Number.NaN);
  if (Number.isFinite(seconds)) return Math.max(0, seconds);
  const at = Date.parse(header ?? '');
  return Number.isNaN(at) ? undefined : Math.max(0, (at - Date.now()) / 1000);
};

const isProblem = (value: unknown): value is Problem => typeof value === 'object' && value !== null && 'code' in value && 'status' in value;

/** The error of an answer that was parsed as `error` by openapi-fetch. */
export const errorOf = (response: Response, error: unknown): VitalgateError => new VitalgateError(response, isProblem(error) ? error : undefined);
