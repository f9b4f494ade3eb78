import type { Pool } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import { createApiKey, liveKeysOf, revokeApiKey, type NewApiKey } from './storage/api-key-table.ts';
import { recordAudit } from './storage/audit-table.ts';

/** Who acts, in which request. */
export interface KeyAct {
  readonly actor: string;
  readonly requestId?: string | undefined;
}

/** One that is in use, and one that replaces it. */
const mostLiveKeys = 2;

/** Makes a key for a sender, unless two of its keys live; audited. The key can be seen this once. */
export const issueApiKey = (pool: Pool, wanted: NewApiKey, act: KeyAct): Promise<{ readonly _id: string; readonly key: string } | 'two-live-keys'> =>
  inTransaction(pool, async (client) => {
    if ((await liveKeysOf(client, wanted.sender)) >= mostLiveKeys) return 'two-live-keys';
    const issued = await createApiKey(client, wanted);
    await recordAudit(client, { ...act, action: 'create', resource: `api-key/${issued._id}` });
    return issued;
  });

/** Revokes a key by identifier or prefix, from now on; audited. Tells whether there was one. */
export const endApiKey = (pool: Pool, key: string, act: KeyAct): Promise<boolean> =>
  inTransaction(pool, async (client) => {
    const found = await revokeApiKey(client, key);
    if (found) await recordAudit(client, { ...act, action: 'delete', resource: `api-key/${key}` });
    return found;
  });
