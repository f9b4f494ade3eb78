import { error as validation } from 'express-openapi-validator';
import type { OperationInfo } from './operation-info.ts';
import { problem, problemCatalogue, ProblemError, type ProblemCode, type ProblemItem } from './problem.ts';

const MOST_ERRORS = 20;
const LONGEST_POINTER = 256;

interface ValidatorError {
  readonly path: string;
  readonly message: string;
  readonly errorCode?: string;
}

/** `/body/0/x` → `/0/x`; `/params/id` → `/path/id`. What is too long to be a name is cut: pointers name, they do not quote. */
const pointerOf = (path: string): string => {
  if (path === '/body' || path.startsWith('/body/')) return path.slice('/body'.length, LONGEST_POINTER);
  return path.replace(/^\/params(?=\/|$)/, '/path').slice(0, LONGEST_POINTER);
};

const itemOf = ({ path, message, errorCode }: ValidatorError): ProblemItem => {
  const pointer = pointerOf(path);
  if (errorCode !== undefined) return { pointer, code: errorCode.replace('.openapi.validation', ''), message };
  // Without a keyword the message quotes the parameter's name: say the same in words of our own.
  if (message.startsWith('Unknown query')) return { pointer, code: 'unknown-parameter', message: problemCatalogue['unknown-parameter'].detail };
  if (message.startsWith('Empty value')) return { pointer, code: 'empty', message: 'must not be empty' };
  return { pointer, code: 'encoding', message: 'must be url encoded' };
};

const isCode = (code: string | undefined): code is ProblemCode => code !== undefined && Object.hasOwn(problemCatalogue, code);

const codeOf = (items: readonly ProblemItem[], operation: OperationInfo | undefined): ProblemCode => {
  if (items.some(({ code }) => code === 'unknown-parameter')) return 'unknown-parameter';
  const [first] = items;
  const parameter = operation?.parameters.find(({ name, in: where }) => first?.pointer === `/${where}/${name}`);
  return isCode(parameter?.problem) ? parameter.problem : 'invalid-request';
};

const refusedRequest = (error: { errors?: readonly ValidatorError[] }, operation: OperationInfo | undefined): ProblemError => {
  const items = (error.errors ?? []).slice(0, MOST_ERRORS).map(itemOf);
  return problem(codeOf(items, operation), { errors: items });
};

/** What the renderer is told about the rest of the service. */
export interface ProblemContext {
  readonly operation: OperationInfo | undefined;
  /** Tells that the database cannot be reached. */
  readonly isDatabaseUnavailable: (error: unknown) => boolean;
  /** The code of an error of the service's own kinds. */
  readonly codeOf?: ((error: unknown) => ProblemCode | undefined) | undefined;
}

/**
 * Names the problem behind any error: problems as they are, refusals of the request validator with pointers and without
 * values, an unreachable database as 503; everything else is internal-error with the error as its cause.
 */
export const problemOf = (error: unknown, { operation, isDatabaseUnavailable, codeOf: ownCodeOf }: ProblemContext): ProblemError => {
  if (error instanceof ProblemError) return error;
  if (error instanceof validation.BadRequest) return refusedRequest(error, operation);
  if (error instanceof validation.UnsupportedMediaType) return problem('unsupported-media-type');
  if (error instanceof validation.Unauthorized) return problem('unauthenticated');
  if (error instanceof validation.NotFound) return problem('not-found');
  if (error instanceof URIError) return problem('invalid-request', { detail: 'Encode the path and the query correctly.' });
  if (isDatabaseUnavailable(error)) return problem('database-unavailable', { retryAfterSeconds: 2, cause: error });
  return problem(ownCodeOf?.(error) ?? 'internal-error', { cause: error });
};
