import { hash, verify } from '@node-rs/argon2';
import { MIN_PASSWORD_LENGTH, normalPassword, passwordFault, type PasswordFault, type PasswordOwner } from './domain/password-policy.ts';

/** Argon2id, 19 MiB, two passes, one lane: the minimum of the OWASP password storage cheat sheet. */
const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
const currentPrefix = '$argon2id$v=19$m=19456,t=2,p=1$';

/** Hashes at once, and how many more may wait: beyond that the caller is told to come back. */
const atOnce = 2;
const waiting = 64;

/** Too many passwords are being hashed. */
export class HashingBusyError extends Error {}

/** Judges, hashes and checks passwords; hashes a few at a time, so that sign-ins never starve the rest. */
export interface Passwords {
  /** What is wrong with a new password of somebody, or undefined. */
  readonly faultOf: (password: string, owner: PasswordOwner) => PasswordFault | undefined;
  readonly hash: (password: string) => Promise<string>;
  /**
   * Tells whether a password fits. Without a hash (no such person) the same work is done against a hash nobody has, so that the
   * time tells nothing. `renewed` is a hash with today's parameters when the stored one is older.
   */
  readonly check: (password: string, stored: string | undefined) => Promise<{ fits: boolean; renewed?: string }>;
}

const limiter = () => {
  let running = 0;
  const queue: (() => void)[] = [];
  return async <Result>(work: () => Promise<Result>): Promise<Result> => {
    if (running >= atOnce) {
      if (queue.length >= waiting) throw new HashingBusyError('Too many passwords are being hashed.');
      await new Promise<void>((resolve) => queue.push(resolve));
    } else running += 1;
    try {
      return await work();
    } finally {
      const next = queue.shift();
      if (next) next();
      else running -= 1;
    }
  };
};

/** The list comes with the program and is read once, when passwords are first needed: commands that need none stay quick. */
let read: Promise<ReadonlySet<string>> | undefined;
const commonPasswords = (): Promise<ReadonlySet<string>> =>
  (read ??= import('@zxcvbn-ts/language-common').then(({ dictionary }) => new Set(dictionary['passwords-common'])));

/** Throws HashingBusyError from `hash` and `check` when too many are waiting. `minLength` is in characters. */
export const createPasswords = async (minLength = MIN_PASSWORD_LENGTH): Promise<Passwords> => {
  const limited = limiter();
  const [nobodys, common] = [await hash('a password that nobody has', parameters), await commonPasswords()];
  return {
    faultOf: (password, owner) => passwordFault(password, owner, { minLength, common }),
    hash: (password) => limited(() => hash(normalPassword(password), parameters)),
    check: async (password, stored) => {
      const normal = normalPassword(password);
      const fits = await limited(() => verify(stored ?? nobodys, normal));
      if (stored === undefined || !fits) return { fits: false };
      if (stored.startsWith(currentPrefix)) return { fits };
      return { fits, renewed: await limited(() => hash(normal, parameters)) };
    },
  };
};
