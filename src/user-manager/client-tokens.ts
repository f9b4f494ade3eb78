import { randomBytes } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose';
import type { Pool } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import { DEVICES_CLAIM, WEBHOOK_AUDIENCE, WEBHOOK_SCOPE, type WebhookClient } from './domain/webhook-client.ts';
import { hashOfToken } from './session-token.ts';
import { recordAudit } from './storage/audit-table.ts';
import { insertClient, revokeClient } from './storage/client-table.ts';
import { publishSigningKey } from './storage/signing-key-table.ts';

/** How long a token counts: nothing can take it back. */
export const CLIENT_TOKEN_SECONDS = 600;

const keySeconds = 24 * 60 * 60;
/** Clocks differ, and a token may be issued in the last moment of its key. */
const overlapSeconds = CLIENT_TOKEN_SECONDS + 600;

/** Makes a client for a sender, on the command line; audited. This is the only time its secret can be seen. */
export const createClient = async (pool: Pool, { sender, deviceIds }: Omit<WebhookClient, 'clientId'>): Promise<{ clientId: string; clientSecret: string }> => {
  const clientId = `vgc_${randomBytes(4).toString('hex')}`;
  const clientSecret = randomBytes(32).toString('base64url');
  await inTransaction(pool, async (client) => {
    await insertClient(client, { clientId, sender, deviceIds, secretHash: hashOfToken(clientSecret) });
    await recordAudit(client, { event: 'api-key-created', actor: 'vitalgate', resource: `client/${clientId}` });
  });
  return { clientId, clientSecret };
};

/** Revokes a client, on the command line: it gets no more tokens; audited. Tells whether there was one. */
export const endClient = (pool: Pool, clientId: string): Promise<boolean> =>
  inTransaction(pool, async (client) => {
    const found = await revokeClient(client, clientId);
    if (found) await recordAudit(client, { event: 'api-key-revoked', actor: 'vitalgate', resource: `client/${clientId}` });
    return found;
  });

interface CurrentKey {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly untilMs: number;
}

/** Signs tokens of clients. */
export interface ClientTokens {
  /** A JWT for the webhook, valid for CLIENT_TOKEN_SECONDS. */
  readonly issue: (client: WebhookClient) => Promise<string>;
}

/**
 * Signs with a key of this process alone, made when the first token is asked for and replaced once a day: the private half never leaves
 * memory, the public half is in the database before the first token that needs it. `issuer` is asked at each token.
 */
export const createClientTokens = (pool: Pool, issuer: () => string, now: () => number = Date.now): ClientTokens => {
  let current: Promise<CurrentKey> | undefined;
  const makeKey = async (): Promise<CurrentKey> => {
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    const exported = await exportJWK(publicKey);
    const kid = await calculateJwkThumbprint(exported);
    await publishSigningKey(pool, { kid, publicKey: { ...exported, kid, alg: 'ES256', use: 'sig' } }, keySeconds + overlapSeconds);
    return { kid, privateKey, untilMs: now() + keySeconds * 1000 };
  };
  const keyOf = async (): Promise<CurrentKey> => {
    const key = await (current ??= makeKey()).catch((error: unknown) => {
      current = undefined;
      throw error;
    });
    if (key.untilMs > now()) return key;
    return (current = makeKey());
  };
  return {
    issue: async ({ clientId, sender, deviceIds }) => {
      const { kid, privateKey } = await keyOf();
      return new SignJWT({ scope: WEBHOOK_SCOPE, client_id: clientId, ...(deviceIds && { [DEVICES_CLAIM]: deviceIds }) })
        .setProtectedHeader({ alg: 'ES256', kid, typ: 'at+jwt' })
        .setIssuer(issuer()).setSubject(sender).setAudience(WEBHOOK_AUDIENCE)
        .setIssuedAt().setExpirationTime(`${String(CLIENT_TOKEN_SECONDS)}s`).setJti(randomBytes(16).toString('hex'))
        .sign(privateKey);
    },
  };
};
