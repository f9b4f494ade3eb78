import type { Pool } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import { actorNamed, recordAudit } from './storage/audit-table.ts';
import { endSessionsOf } from './storage/session-table.ts';
import { forgetFailuresOf } from './storage/sign-in-failure-table.ts';
import { deleteUser, lockUser } from './storage/user-table.ts';

/** Removes a user for good, with all sessions and failed sign-ins; false when there is none. */
export const removeUser = (pool: Pool, id: string, updaterId: string): Promise<boolean> =>
  inTransaction(pool, async (client) => {
    const user = await lockUser(client, id);
    if (user === undefined) return false;
    await forgetFailuresOf(client, user.username);
    const found = await deleteUser(client, id);
    if (found) await recordAudit(client, { event: 'user-deleted', actor: actorNamed(updaterId), patientId: id, resource: 'user' });
    return found;
  });

/** Ends all sessions of a user at once, and what could renew them; false when there is no such user. */
export const signOutUser = (pool: Pool, id: string, updaterId: string): Promise<boolean> =>
  inTransaction(pool, async (client) => {
    if ((await lockUser(client, id)) === undefined) return false;
    await endSessionsOf(client, id);
    await recordAudit(client, { event: 'session-ended', actor: actorNamed(updaterId), patientId: id, resource: 'session' });
    return true;
  });
