import { hash, verify } from '@node-rs/argon2';

/** Argon2id, 19 MiB, two passes, one lane: the minimum of the OWASP password storage cheat sheet. */
const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
const currentPrefix = '$argon2id$v=19$m=19456,t=2,p=1$';

/** Hashes at once, and how many more may wait: beyond that the caller is told to come back. */
const atOnce = 2;
const waiting = 64;

/** Too many passwords are being hashed. */
export class HashingBusyError extends Error {}

/** Hashes and checks passwords, a few at a time, so that sign-ins never starve the rest. */
export interface Passwords {
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

/** Throws HashingBusyError from both functions when too many are waiting. */
export const createPasswords = async (): Promise<Passwords> => {
  const limited = limiter();
  const nobodys = await hash('a password that nobody has', parameters);
  return {
    hash: (password) => limited(() => hash(password.normalize('NFC'), parameters)),
    check: async (password, stored) => {
      const normal = password.normalize('NFC');
      const fits = await limited(() => verify(stored ?? nobodys, normal));
      if (stored === undefined || !fits) return { fits: false };
      if (stored.startsWith(currentPrefix)) return { fits };
      return { fits, renewed: await limited(() => hash(normal, parameters)) };
    },
  };
};
