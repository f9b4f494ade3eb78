const wordsOf: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use by another program: choose another port (0 takes any free one)',
  EADDRNOTAVAIL: 'is no address of this machine: correct HOST',
  EACCES: 'may not be used by this account',
};

interface SystemError extends Error {
  readonly code?: unknown;
  readonly syscall?: unknown;
  readonly address?: unknown;
  readonly port?: unknown;
  readonly path?: unknown;
}

const listening = ({ code, address, port }: SystemError): string =>
  `${String(address)}:${String(port)} ${(typeof code === 'string' ? wordsOf[code] : undefined) ?? `cannot be listened on (${String(code)})`}.`;

/** Why the program does not start, in one sentence for the operator; connection strings and secrets never appear in it. */
export const startFailureOf = (error: unknown): string => {
  if (!(error instanceof Error)) return 'The program does not start for an unknown reason.';
  const system = error as SystemError;
  if (system.syscall === 'listen') return listening(system);
  if (typeof system.code === 'string' && /^(ECONN|ENOTFOUND|EAI_|ETIMEDOUT|EHOST)/.test(system.code)) {
    return `The database does not answer (${system.code}): check DATABASE_URL and that PostgreSQL runs.`;
  }
  if (system.code === '28P01' || system.code === '28000') return 'The database refuses user or password: check DATABASE_URL.';
  if (system.code === '3D000') return 'The database of DATABASE_URL does not exist: create it first.';
  if (system.code === '42501') return 'The user of DATABASE_URL may not create schemas in its database.';
  return error.message;
};
