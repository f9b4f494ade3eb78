import { newPseudonym } from '../../audit/pseudonym.ts';
import type { Pool } from '../../database/pool.ts';
import { buriedAmong, isAnyBuried } from '../../keys/erased-scope-table.ts';
import type { KeyRing } from '../../keys/scope-keys.ts';
import { erasureOf } from '../storage/erasure-table.ts';
import type { Accounts } from '../upstream/user-manager.ts';

/** What looking for accounts that came back stands on. */
export interface ReturnedAccounts {
  readonly pool: Pool;
  readonly keyRing: KeyRing;
  readonly accounts: Pick<Accounts, 'pages' | 'erase'>;
  /** An identifier is never another account's (`_id`); an address or a number can be given to somebody else. */
  readonly isIdentifierForGood: boolean;
}

/** How many accounts of erased people were erased again, and which others bear an identifier that once was theirs, by `_id`. */
export interface ReturnedOutcome {
  readonly erased: number;
  readonly alike: readonly string[];
}

interface Returned {
  readonly userId: string;
  readonly pseudonym: Buffer;
}

/** An account that is younger than the erasure is somebody's who came anew, perhaps under the same identifier. */
const returnedAmong = async ({ pool, keyRing, accounts }: ReturnedAccounts): Promise<Returned[]> => {
  const pseudonymIn = await keyRing.pseudonyms(pool);
  const returned: Returned[] = [];
  for await (const page of accounts.pages()) {
    const named = page.map((account) => ({ ...account, pseudonym: pseudonymIn(`patient:${account.patientId}`) }));
    const erasedAt = await buriedAmong(pool, named.map(({ pseudonym }) => pseudonym));
    for (const { userId, pseudonym, createdAt } of named) {
      const at = erasedAt.get(pseudonym.toString('hex'));
      if (at !== undefined && createdAt < at) returned.push({ userId, pseudonym });
    }
  }
  return returned;
};

/**
 * Erases the accounts of patients who were erased, where they are there again because the User Manager, whose tables lie elsewhere, was
 * restored: it has no key that could tell whose they are. Where their identifier may be somebody else's by now, it erases nobody and
 * answers who they are. Throws 502 or 503 where the User Manager cannot be asked.
 */
export const eraseReturnedAccounts = async (returning: ReturnedAccounts): Promise<ReturnedOutcome> => {
  const { pool, accounts, isIdentifierForGood } = returning;
  let erased = 0;
  const alike: string[] = [];
  if (!(await isAnyBuried(pool))) return { erased, alike };
  for (const { userId, pseudonym } of await returnedAmong(returning)) {
    const erasure = await erasureOf(pool, pseudonym);
    // One that runs erases the account itself, and counts it.
    if (erasure?.state === 'running') continue;
    if (isIdentifierForGood) erased += (await accounts.erase(userId, erasure?.audit_pseudonym ?? newPseudonym()))['users'] ?? 0;
    else alike.push(userId);
  }
  return { erased, alike };
};
