import { hash, verify } from '@node-rs/argon2';
import { randomBytes } from 'node:crypto';
import { normalizePassword } from './domain/password-policy.ts';

/** More sign-ins wait than can be served soon; `retryAfterSeconds` says when to come back. */
export class HashingBusyError extends Error {
  readonly retryAfterSeconds: number;

  constructor(retryAfterSeconds: number) {
    super('Too many passwords wait to be checked.');
    this.name = 'HashingBusyError';
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** Argon2id, off the event loop, a few at a time. */
export interface PasswordHashing {
  /** The PHC text of a new hash with a salt of its own. Throws HashingBusyError. */
  readonly hash: (password: string) => Promise<string>;
  /** Compares; without a stored hash it takes the same time and answers false. Throws HashingBusyError. */
  readonly verify: (stored: string | undefined, password: string) => Promise<boolean>;
}

/** OWASP Password Storage: Argon2id, 19 MiB, two passes; the library's default algorithm is Argon2id. */
const PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1, outputLen: 32 };

const createGate = (concurrency: number, waiting: number) => {
  const queue: (() => void)[] = [];
  let running = 0;
  return async <Result>(work: () => Promise<Result>): Promise<Result> => {
    if (running >= concurrency) {
      if (queue.length >= waiting) throw new HashingBusyError(1);
      await new Promise<void>((resolve) => queue.push(resolve));
    } else {
      running += 1;
    }
    try {
      return await work();
    } finally {
      const next = queue.shift(); // hands its place on, so that nobody overtakes
      if (next) next();
      else running -= 1;
    }
  };
};

/** `concurrency` hashes run at once (19 MiB each), `waiting` more wait; the rest is refused. */
export const createPasswordHashing = async ({ concurrency = 2, waiting = 40 }: { readonly concurrency?: number; readonly waiting?: number } = {}): Promise<PasswordHashing> => {
  const gate = createGate(concurrency, waiting);
  const nobody = await hash(randomBytes(32), PARAMETERS);
  return {
    hash: (password) => gate(() => hash(normalizePassword(password), PARAMETERS)),
    verify: async (stored, password) => {
      const same = await gate(() => verify(stored ?? nobody, normalizePassword(password)));
      return same && stored !== undefined;
    },
  };
};
