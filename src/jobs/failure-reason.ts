/** Codes of the system (ECONNREFUSED), of PostgreSQL (57P01), of nodemailer (EENVELOPE): words of a program, never of a person. */
const isCode = (value: unknown): value is string => typeof value === 'string' && /^[A-Z0-9][A-Z0-9_]{1,39}$/.test(value);

const codesOf = (error: object): string[] => {
  const { code, responseCode, cause } = error as { readonly code?: unknown; readonly responseCode?: unknown; readonly cause?: unknown };
  const own = isCode(code) ? [code] : [];
  // What a mail server answered (RFC 5321, 4.2): three digits.
  if (typeof responseCode === 'number' && responseCode >= 100 && responseCode <= 599) own.push(String(responseCode));
  return own.length === 0 && typeof cause === 'object' && cause !== null ? codesOf(cause) : own;
};

/**
 * What a failure is called for the log and for operators: the class of the error and its codes, or those of its cause, such as
 * `Error ECONNREFUSED`. Its message is left out, because it may quote what was worked on. At most 100 characters.
 */
export const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return 'unknown';
  const name = /^[A-Za-z][A-Za-z0-9_]{0,49}$/.test(error.name) ? error.name : 'Error';
  return [name, ...codesOf(error)].join(' ');
};
