import type { Queryable } from '../../database/pool.ts';
import type { UserAccount } from '../domain/user-account.ts';
import { eraseFromBulkJobs } from './bulk-job-table.ts';
import { eraseResets } from './password-reset-table.ts';
import { eraseRefreshTokens } from './refresh-token-table.ts';
import { eraseSessions } from './session-table.ts';
import { forgetFailuresOf } from './sign-in-failure-table.ts';
import { deleteUser } from './user-table.ts';

/** One step of erasing a person: the table, the kind it counts as, and what it does. */
export interface ErasedWithUser {
  readonly table: string;
  readonly kind: string;
  readonly erase: (db: Queryable, user: UserAccount) => Promise<number>;
}

/** Everything that has rows of people, in the order in which it is erased. A table with a column `user_id` that is not here is a fault that a test finds. */
export const erasedWithUser: readonly ErasedWithUser[] = [
  { table: 'session', kind: 'sessions', erase: (db, { id }) => eraseSessions(db, id) },
  { table: 'refresh_token', kind: 'refreshTokens', erase: (db, { id }) => eraseRefreshTokens(db, id) },
  { table: 'password_reset', kind: 'passwordResets', erase: (db, { id }) => eraseResets(db, id) },
  { table: 'bulk_job', kind: 'bulkJobs', erase: (db, { id, authUserId }) => eraseFromBulkJobs(db, authUserId === undefined ? [id] : [id, authUserId]) },
  { table: 'sign_in_failures', kind: 'signInFailures', erase: (db, { username }) => forgetFailuresOf(db, username) },
  { table: 'user_account', kind: 'users', erase: async (db, { id }) => Number(await deleteUser(db, id)) },
];
