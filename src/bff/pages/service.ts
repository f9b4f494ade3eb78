import { openSession } from '../../client/session.ts';
import { errorOf, VitalgateError } from '../../client/vitalgate-error.ts';

const session = openSession({ baseUrl: location.origin });

/** Every operation of this service, typed by its specification. */
export const { api, signIn, signOut } = session;

interface Answered {
  readonly data?: unknown;
  readonly error?: unknown;
  readonly response: Response;
}

/**
 * The body of an answer, as the specification has it: openapi-fetch's own mapping of immutable types forgets that a readonly array is
 * an array. Throws VitalgateError for a refusal, and what fetch throws without a network.
 */
export const bodyOf = async <Body>(asked: Promise<Answered>): Promise<Body> => {
  const { data, error, response } = await asked;
  if (!response.ok) throw errorOf(response, error);
  return data as Body;
};

/** Waits for an answer without a body that is of use. Throws as bodyOf does. */
export const settled = async (asked: Promise<Answered>): Promise<void> => {
  await bodyOf(asked);
};

/** Somebody else has signed in since, on another page of the browser. */
export class OtherPersonError extends Error {}

/** Tells that the person of this page is not signed in any more. */
export const isSignedOut = (error: unknown): boolean =>
  error instanceof OtherPersonError || (error instanceof VitalgateError && (error.status === 401 || error.code === 'signed-in-as-another'));

/** Tells that this installation has no such thing. */
export const isNotSupported = (error: unknown): boolean => error instanceof VitalgateError && error.status === 501;

/** Tells that there is no such thing. */
export const isNotFound = (error: unknown): boolean => error instanceof VitalgateError && error.status === 404;

const inTime = (seconds: number | undefined): string => {
  if (seconds === undefined) return 'in a minute';
  return seconds < 90 ? `in ${String(Math.max(1, Math.ceil(seconds)))} seconds` : `in ${String(Math.ceil(seconds / 60))} minutes`;
};

const byStatus = (status: number): string => {
  if (status === 403) return 'This is not allowed.';
  if (status === 404) return 'There is no such thing any more.';
  return status >= 500 ? 'The service has trouble just now, and nothing was lost.' : 'This was refused.';
};

/** What went wrong and what to do, for a person: in the words of the service where it has some, else by the status. */
export const wordsOf = (error: unknown): string => {
  if (!(error instanceof VitalgateError)) return 'The service does not answer just now. Try again in a minute.';
  const { status, problem, retryAfterSeconds } = error;
  if (status === 429) return `That was too often. Try again ${inTime(retryAfterSeconds)}.`;
  const said = [problem?.detail ?? byStatus(status), ...(problem?.errors ?? []).map(({ message }) => message)];
  const again = status === 503 ? `Try again ${inTime(retryAfterSeconds)}.` : '';
  return [...new Set(said), again].join(' ').trim();
};
