import type { Queryable } from '../../database/pool.ts';

/** A public key that tokens are signed with. */
export interface SigningKey {
  readonly kid: string;
  readonly publicKey: Readonly<Record<string, unknown>>;
}

/** Makes a public key known for a time, and forgets those whose time is over. */
export const publishSigningKey = async (db: Queryable, { kid, publicKey }: SigningKey, seconds: number): Promise<void> => {
  await db.query('delete from user_manager.signing_key where expires_at <= now()');
  await db.query('insert into user_manager.signing_key (kid, public_key, expires_at) values ($1, $2, now() + make_interval(secs => $3))', [kid, JSON.stringify(publicKey), seconds]);
};

/** The public keys of all tokens that can still be valid, newest first. */
export const publishedSigningKeys = async (db: Queryable): Promise<SigningKey[]> => {
  const { rows } = await db.query<{ kid: string; public_key: SigningKey['publicKey'] }>('select kid, public_key from user_manager.signing_key where expires_at > now() order by created_at desc limit 1000');
  return rows.map(({ kid, public_key: publicKey }) => ({ kid, publicKey }));
};
