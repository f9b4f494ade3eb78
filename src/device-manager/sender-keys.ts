import type { Pool } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import { createApiKey, liveKeysOf, type NewApiKey } from './storage/api-key-table.ts';

/** One that is in use, and one that replaces it. */
const mostLiveKeys = 2;

/** Makes a key for a sender, unless two of its keys live. The key can be seen this once. */
export const issueApiKey = (pool: Pool, wanted: NewApiKey): Promise<{ readonly _id: string; readonly key: string } | 'two-live-keys'> =>
  inTransaction(pool, async (client) => ((await liveKeysOf(client, wanted.sender)) >= mostLiveKeys ? 'two-live-keys' : createApiKey(client, wanted)));
