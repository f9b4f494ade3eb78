import type { Queryable } from '../../database/pool.ts';
import type { WebhookClient } from '../domain/webhook-client.ts';

/** A client as it is shown to operators: never with its secret. */
export interface ClientRow {
  readonly client_id: string;
  readonly sender: string;
  readonly device_ids: string[] | null;
  readonly created_at: Date;
  readonly revoked_at: Date | null;
  readonly last_used_at: Date | null;
}

/** Keeps a client; of its secret only the hash. */
export const insertClient = async (db: Queryable, { clientId, sender, deviceIds, secretHash }: WebhookClient & { readonly secretHash: Buffer }): Promise<void> => {
  await db.query('insert into user_manager.oauth_client (client_id, sender, device_ids, secret_hash) values ($1, $2, $3, $4)', [clientId, sender, deviceIds ?? null, secretHash]);
};

/** The client of an identifier and a secret that is not revoked; notes that it was used. */
export const findClient = async (db: Queryable, clientId: string, secretHash: Buffer): Promise<WebhookClient | undefined> => {
  const { rows } = await db.query<ClientRow>(
    'update user_manager.oauth_client set last_used_at = now() where client_id = $1 and secret_hash = $2 and revoked_at is null returning *',
    [clientId, secretHash],
  );
  const [row] = rows;
  return row && { clientId: row.client_id, sender: row.sender, ...(row.device_ids && { deviceIds: row.device_ids }) };
};

/** All clients, oldest first. */
export const listClients = async (db: Queryable): Promise<ClientRow[]> =>
  (await db.query<ClientRow>('select client_id, sender, device_ids, created_at, revoked_at, last_used_at from user_manager.oauth_client order by created_at, client_id')).rows;

/** Revokes a client: it gets no more tokens. Tells whether there was one. */
export const revokeClient = async (db: Queryable, clientId: string): Promise<boolean> =>
  (await db.query('update user_manager.oauth_client set revoked_at = coalesce(revoked_at, now()) where client_id = $1', [clientId])).rowCount === 1;
