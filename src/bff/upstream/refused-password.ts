import { problem, problemCatalogue, type ProblemError, type ProblemItem } from '../../http/problem.ts';

const codes = ['password-too-short', 'password-too-long', 'password-too-common'] as const;
const mostWords = 200;

/** The User Manager knows its rules for passwords: what it says is wrong with one is handed on; undefined for any other refusal. */
export const refusedPassword = (error: unknown): ProblemError | undefined => {
  const { code: given, errors } = (typeof error === 'object' && error !== null ? error : {}) as { code?: unknown; errors?: readonly Partial<ProblemItem>[] };
  const code = codes.find((one) => one === given);
  if (code === undefined) return undefined;
  const said = Array.isArray(errors) ? (errors as readonly Partial<ProblemItem>[])[0]?.message : undefined;
  const message = typeof said === 'string' && said.length <= mostWords ? said : problemCatalogue[code].detail;
  return problem(code, { errors: [{ pointer: '/password', code, message }] });
};
