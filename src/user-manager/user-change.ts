import type { Pool, Queryable } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import { accountDisabled, isBlockedAt, type MemberFault, type UserAccount, type UserState } from './domain/user-account.ts';
import { applyCommands, type ChangeableUser, type UserCommands } from './domain/user-changes.ts';
import { actorNamed, recordAudit } from './storage/audit-table.ts';
import { endResetsOf } from './storage/password-reset-table.ts';
import { endSessionsOf } from './storage/session-table.ts';
import { lockUser, moveUser, takenMember, updateUser, type TakenMember } from './storage/user-table.ts';
import type { UserGroups } from './user-groups.ts';

/** What became of a change. */
export type Changed = { readonly user: UserAccount } | { readonly faults: readonly MemberFault[] } | { readonly taken: TakenMember } | 'not-found';

/** Tells which member is taken, once the transaction that found out has been rolled back. */
const orTaken = async <Result>(work: Promise<Result>): Promise<Result | { readonly taken: TakenMember }> => {
  try {
    return await work;
  } catch (error) {
    return { taken: takenMember(error) };
  }
};

const audit = (db: Queryable, event: 'user-changed' | 'user-deleted', id: string, updaterId: string): Promise<void> =>
  recordAudit(db, { event, actor: actorNamed(updaterId), patientId: id, resource: 'user' });

const faultsOf = (groups: UserGroups, before: UserAccount, { properties, userGroup }: ChangeableUser): MemberFault[] => {
  const moves = userGroup !== before.userGroup;
  const disabled = moves && before.authUserId !== undefined && groups.authUserCreationDisabled(userGroup) ? [accountDisabled('/$set/userGroup')] : [];
  return [...disabled, ...(moves || JSON.stringify(properties) !== JSON.stringify(before.properties) ? groups.faultsOf(userGroup, properties, '/$set') : [])];
};

/** Changes a user, all or nothing; nobody who signs in gets into a group whose users never do; who is blocked or expired before or after it has no session and no mailed link left, and links mailed to an old address end. */
export const changeUser = (pool: Pool, groups: UserGroups, id: string, commands: UserCommands, updaterId: string): Promise<Changed> =>
  orTaken(
    inTransaction(pool, async (client): Promise<Changed> => {
      const before = await lockUser(client, id);
      if (before === undefined || before.state === 'DELETED') return 'not-found';
      const applied = applyCommands(before, commands);
      if ('faults' in applied) return applied;
      const faults = faultsOf(groups, before, applied.user);
      if (faults.length > 0) return { faults };
      const user = await updateUser(client, id, applied.user, updaterId);
      // An expiration that came by itself ended nothing: what is left from before it must not come back with whoever lifts it.
      const isBarred = [before, user].some((one) => isBlockedAt(one, Date.now()));
      if (isBarred || user.email !== before.email) await endResetsOf(client, id);
      if (isBarred) await endSessionsOf(client, id);
      await audit(client, 'user-changed', id, updaterId);
      return { user };
    }),
  );

/** Moves users to the states wanted, each if its state allows it, and counts them; none when a name was given away meanwhile. */
export const moveUsers = (
  pool: Pool, moves: readonly { readonly id: string; readonly stateTo: UserState }[], updaterId: string,
): Promise<number | { readonly taken: TakenMember }> =>
  orTaken(
    inTransaction(pool, async (client) => {
      let moved = 0;
      for (const { id, stateTo } of moves) {
        if (!(await moveUser(client, id, stateTo, updaterId))) continue;
        moved += 1;
        if (stateTo !== 'PUBLIC') await endSessionsOf(client, id);
        await audit(client, stateTo === 'DELETED' ? 'user-deleted' : 'user-changed', id, updaterId);
      }
      return moved;
    }),
  );

/** Moves a user over TRASH to DELETED from wherever they are; false when there is none. */
export const softDelete = (pool: Pool, id: string, updaterId: string): Promise<boolean> =>
  inTransaction(pool, async (client) => {
    const user = await lockUser(client, id);
    if (user === undefined) return false;
    if (user.state === 'PUBLIC' || user.state === 'DRAFT') await moveUser(client, id, 'TRASH', updaterId);
    await moveUser(client, id, 'DELETED', updaterId);
    await endSessionsOf(client, id);
    await audit(client, 'user-deleted', id, updaterId);
    return true;
  });
