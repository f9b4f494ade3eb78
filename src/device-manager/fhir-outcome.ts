import type { ProblemForm } from '../http/problem-body.ts';
import { problemCatalogue, type ProblemCode, type ProblemError, type ProblemItem } from '../http/problem.ts';

const kinds: Partial<Readonly<Record<ProblemCode, string>>> = {
  'unknown-parameter': 'not-supported', 'method-not-allowed': 'not-supported', 'not-supported': 'not-supported', 'invalid-text': 'value', unauthenticated: 'login',
  'not-your-data': 'forbidden', forbidden: 'forbidden', 'insecure-transport': 'forbidden', 'not-found': 'not-found', 'payload-too-large': 'too-long', 'too-many-items': 'too-long',
  'too-many-requests': 'throttled', 'internal-error': 'exception', 'data-unreadable': 'exception', 'upstream-invalid': 'transient',
};

const kindOf = (code: ProblemCode, status: number): string => kinds[code] ?? (status === 503 ? 'transient' : status === 409 ? 'conflict' : status < 500 ? 'invalid' : 'processing');

const locationOf = (pointer: string): { location?: readonly string[] } => {
  const name = /^\/(?:query|path|headers)\/([^/]+)/.exec(pointer)?.[1];
  return name === undefined ? {} : { location: [`http.${name.slice(0, 200)}`] };
};

const issueOf = ({ code, status, message }: ProblemError, item?: ProblemItem): object => ({
  severity: 'error', code: kindOf(code, status),
  details: {
    coding: [{ system: 'urn:vitalgate:problem', code }, ...(item === undefined ? [] : [{ system: 'urn:vitalgate:fault', code: item.code }])],
    text: problemCatalogue[code].title,
  },
  diagnostics: item?.message ?? message, ...(item !== undefined && locationOf(item.pointer)),
});

/** A problem as the OperationOutcome of FHIR R4: one issue for each fault, with the codes of the catalogue. */
export const outcomeOf = (problem: ProblemError): object => {
  const { errors = [] } = problem.options;
  return { resourceType: 'OperationOutcome', issue: errors.length === 0 ? [issueOf(problem)] : errors.map((item) => issueOf(problem, item)) };
};

/** Under /fhir every error is an OperationOutcome. */
export const fhirProblems: ProblemForm = { under: '/fhir', mediaType: 'application/fhir+json', bodyOf: outcomeOf };
