import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { Queryable } from '../../database/pool.ts';

/** A webhook sender's key as it is shown to operators: never the key itself. */
export interface ApiKey {
  readonly _id: string;
  readonly sender: string;
  /** The only devices it may send for; null for all. */
  readonly device_ids: readonly string[] | null;
  readonly prefix: string;
  readonly created_at: Date;
  readonly expires_at: Date | null;
  readonly revoked_at: Date | null;
  readonly last_used_at: Date | null;
}

/** A key has 256 random bits, so a plain hash cannot be guessed. */
const hashOf = (key: string): Buffer => createHash('sha256').update(key).digest();

/** Whose key, and in how many days it ends by itself. */
export interface NewApiKey {
  readonly sender: string;
  readonly expiresInDays?: number | undefined;
  /** The only devices it may send for, by id or serial number as registered; all when left out. */
  readonly deviceIds?: readonly string[] | undefined;
}

/** Who sends with a key, and for which devices when not for all. */
export interface KeyHolder {
  readonly sender: string;
  readonly deviceIds?: readonly string[];
}

/** Makes a key for a sender; this is the only time it can be seen. */
export const createApiKey = async (db: Queryable, { sender, expiresInDays, deviceIds }: NewApiKey): Promise<{ _id: string; key: string }> => {
  const _id = randomUUID();
  const prefix = `vg_${randomBytes(4).toString('hex')}`;
  const key = `${prefix}_${randomBytes(32).toString('base64url')}`;
  await db.query('insert into device_manager.api_key (_id, sender, prefix, key_hash, expires_at, device_ids) values ($1, $2, $3, $4, now() + make_interval(days => $5), $6)', [
    _id, sender, prefix, hashOf(key), expiresInDays ?? null, deviceIds ?? null,
  ]);
  return { _id: _id.replaceAll('-', ''), key };
};

/** Who holds a key that is neither revoked nor expired; notes at most once a minute that it was used. */
export const senderOfKey = async (db: Queryable, key: string): Promise<KeyHolder | undefined> => {
  const { rows } = await db.query<{ sender: string; stale: boolean; _id: string; device_ids: string[] | null }>({
    name: 'sender-of-key',
    text: `select _id, sender, device_ids, coalesce(last_used_at < now() - interval '1 minute', true) as stale from device_manager.api_key
     where key_hash = $1 and revoked_at is null and (expires_at is null or expires_at > now())`,
    values: [hashOf(key)],
  });
  const [found] = rows;
  if (found?.stale) await db.query('update device_manager.api_key set last_used_at = now() where _id = $1', [found._id]);
  return found && { sender: found.sender, ...(found.device_ids && { deviceIds: found.device_ids }) };
};

export const listApiKeys = async (db: Queryable): Promise<ApiKey[]> =>
  (
    await db.query<ApiKey>(
      `select replace(_id::text, '-', '') as _id, sender, device_ids, prefix, created_at, expires_at, revoked_at, last_used_at from device_manager.api_key order by created_at`,
    )
  ).rows;

/** Revokes a key by identifier or prefix; it is refused from now on. Tells whether there was one. */
export const revokeApiKey = async (db: Queryable, key: string): Promise<boolean> => {
  const { rowCount } = await db.query(
    `update device_manager.api_key set revoked_at = coalesce(revoked_at, now()) where replace(_id::text, '-', '') = $1 or prefix = $1`,
    [key],
  );
  return (rowCount ?? 0) > 0;
};

/** How many keys of a sender open the webhook; no other is made until the transaction ends. */
export const liveKeysOf = async (db: Queryable, sender: string): Promise<number> => {
  await db.query(`select pg_advisory_xact_lock(hashtextextended('api keys of ' || $1, 0))`, [sender]);
  const { rows } = await db.query<{ count: number }>(
    'select count(*)::int as count from device_manager.api_key where sender = $1 and revoked_at is null and (expires_at is null or expires_at > now())',
    [sender],
  );
  return rows[0]?.count ?? 0;
};
