import type { Queryable } from '../../database/pool.ts';
import type { WebhookClient } from '../domain/webhook-client.ts';

/** A client as it is shown to operators: never with its secret. */
export interface ClientRow {
  readonly client_id: string;
  readonly sender: string;
  readonly created_at: Date;
  readonly revoked_at: Date | null;
  readonly last_used_at: Date | null;
}

/** Keeps a client; of its secret only the hash. */
export const insertClient = async (db: Queryable, { clientId, sender, secretHash }: WebhookClient & { readonly secretHash: Buffer }): Promise<void> => {
  await db.query('insert into user_manager.oauth_client (client_id, sender, secret_hash) values ($1, $2, $3)', [clientId, sender, secretHash]);
};

/** The client of an identifier and a secret that is not revoked; notes that it was used. */
export const findClient = async (db: Queryable, clientId: string, secretHash: Buffer): Promise<WebhookClient | undefined> => {
  const { rows } = await db.query<ClientRow>(
    'update user_manager.oauth_client set last_used_at = now() where client_id = $1 and secret_hash = $2 and revoked_at is null returning *',
    [clientId, secretHash],
  );
  return rows[0] && { clientId: rows[0].client_id, sender: rows[0].sender };
};

/** All clients, oldest first. */
export const listClients = async (db: Queryable): Promise<ClientRow[]> =>
  (await db.query<ClientRow>('select client_id, sender, created_at, revoked_at, last_used_at from user_manager.oauth_client order by created_at, client_id')).rows;

/** Revokes a client: it gets no more tokens. Tells whether there was one. */
export const revokeClient = async (db: Queryable, clientId: string): Promise<boolean> =>
  (await db.query('update user_manager.oauth_client set revoked_at = coalesce(revoked_at, now()) where client_id = $1', [clientId])).rowCount === 1;
