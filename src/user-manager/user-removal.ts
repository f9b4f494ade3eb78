import { newPseudonym } from '../audit/pseudonym.ts';
import type { Pool } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import { addJob } from '../jobs/runner.ts';
import type { UserAccount } from './domain/user-account.ts';
import { actorNamed, recordAudit } from './storage/audit-table.ts';
import { endSessionsOf } from './storage/session-table.ts';
import { findUserByAnyId, lockUser } from './storage/user-table.ts';
import { eraseUser, type UserErasing } from './user-erasure.ts';

/** What removing a user stands on. */
export interface UserRemoving extends UserErasing {
  /** Whether there is a Device Manager that is to erase the patient; it may not listen yet. */
  readonly hasDeviceManager: boolean;
  /** The identifier by which the Device Manager knows a user as a patient. */
  readonly patientIdOf: (user: UserAccount) => string | undefined;
}

/** Erases a user, and has the Device Manager erase the patient that the user was, where there is one; false when there is no such user. */
export const removeUser = async (removing: UserRemoving, id: string, updaterId: string): Promise<boolean> => {
  if ((await findUserByAnyId(removing.pool, id)) === undefined) return false;
  const auditPseudonym = newPseudonym();
  const { users = 0 } = await eraseUser(removing, { id, auditPseudonym, actor: actorNamed(updaterId) }, async (db, user, account) => {
    const patientId = removing.hasDeviceManager ? removing.patientIdOf(user) : undefined;
    if (patientId !== undefined) await addJob(db, { task: 'erase-health-data', payload: { patientId, auditPseudonym, account: JSON.stringify(account) } });
  });
  return users > 0;
};

/** Ends all sessions of a user at once, and what could renew them; false when there is no such user. */
export const signOutUser = (pool: Pool, id: string, updaterId: string): Promise<boolean> =>
  inTransaction(pool, async (client) => {
    if ((await lockUser(client, id)) === undefined) return false;
    await endSessionsOf(client, id);
    await recordAudit(client, { event: 'session-ended', actor: actorNamed(updaterId), patientId: id, resource: 'session' });
    return true;
  });
