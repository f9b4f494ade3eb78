import type { operations, SigningKeys } from '../../../generated/user-manager.d.ts';
import type { Call, Reply } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import type { Caller } from '../caller.ts';
import { CLIENT_TOKEN_SECONDS } from '../client-tokens.ts';
import { WEBHOOK_SCOPE, type WebhookClient } from '../domain/webhook-client.ts';
import type { SigningKey } from '../storage/signing-key-table.ts';
import { refused } from './user-record.ts';

/** What the handlers of clients stand on. */
export interface ClientPorts {
  readonly find: (clientId: string, secret: string) => Promise<WebhookClient | undefined>;
  readonly issue: (client: WebhookClient) => Promise<string>;
  readonly signingKeys: () => Promise<readonly SigningKey[]>;
}

type Grant = Call<operations['issueClientToken'], Caller | undefined>;

const clientOf = async ({ find }: ClientPorts, { caller, body }: Grant): Promise<WebhookClient> => {
  if (caller?.kind === 'client') {
    if (body.client_secret !== undefined) throw refused([{ pointer: '/client_secret', code: 'duplicate-key', message: 'Leave this out: the header Authorization names the client.' }]);
    return caller.client;
  }
  const client = body.client_id === undefined || body.client_secret === undefined ? undefined : await find(body.client_id, body.client_secret);
  if (client === undefined) throw problem('sign-in-failed', { detail: 'Check client_id and client_secret.' });
  return client;
};

/** Tokens of webhook senders, and the keys to check them with. */
export const clientHandlers = (ports: ClientPorts) => ({
  issueClientToken: async (call: Grant): Promise<Reply<operations['issueClientToken']>> => {
    const client = await clientOf(ports, call);
    if (call.body.scope !== undefined && call.body.scope !== WEBHOOK_SCOPE) throw refused([{ pointer: '/scope', code: 'enum', message: 'Ask for the scope webhook, or for none.' }]);
    const token = { access_token: await ports.issue(client), token_type: 'Bearer' as const, expires_in: CLIENT_TOKEN_SECONDS, scope: WEBHOOK_SCOPE };
    return { status: 200, body: token, headers: { 'Cache-Control': 'no-store' } };
  },
  getSigningKeys: async (): Promise<Reply<operations['getSigningKeys']>> => {
    const keys = await ports.signingKeys();
    return { status: 200, body: { keys: keys.map(({ publicKey }) => publicKey) as unknown as SigningKeys['keys'] } };
  },
});
