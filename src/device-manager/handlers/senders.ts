import type { ApiKey } from '../../../generated/device-manager.d.ts';
import type { Handlers } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import { actorOf, type Caller, type Operations } from '../caller.ts';
import type { KeyAct } from '../sender-keys.ts';
import type { ApiKey as KeyRow, NewApiKey } from '../storage/api-key-table.ts';

/** What the handlers of senders stand on. */
export interface SenderDependencies {
  readonly list: () => Promise<readonly KeyRow[]>;
  readonly issue: (wanted: NewApiKey, act: KeyAct) => Promise<{ readonly _id: string; readonly key: string } | 'two-live-keys'>;
  readonly revoke: (id: string, act: KeyAct) => Promise<boolean>;
}

const wireKeyOf = ({ _id, sender, device_ids, prefix, created_at, expires_at, revoked_at, last_used_at }: KeyRow): ApiKey => ({
  _id, sender, prefix,
  ...(device_ids && { deviceIds: device_ids }),
  createdAt: created_at.toISOString(),
  ...(expires_at && { expiresAt: expires_at.toISOString() }),
  ...(revoked_at && { revokedAt: revoked_at.toISOString() }),
  ...(last_used_at && { lastUsedAt: last_used_at.toISOString() }),
  isLive: revoked_at === null && (expires_at === null || expires_at.getTime() > Date.now()),
});

/** Keys of webhook senders; for operators. */
export const senders = ({ list, issue, revoke }: SenderDependencies): Pick<Handlers<Operations, Caller>, 'listApiKeys' | 'createApiKey' | 'revokeApiKey'> => ({
  listApiKeys: async () => ({ status: 200, body: (await list()).map(wireKeyOf) }),
  createApiKey: async ({ body, caller, requestId }) => {
    const issued = await issue(body, { actor: actorOf(caller), requestId });
    if (issued === 'two-live-keys') throw problem('two-live-keys');
    return { status: 200, body: { _id: issued._id, sender: body.sender, key: issued.key } };
  },
  revokeApiKey: async ({ path, caller, requestId }) => {
    if (!(await revoke(path.id, { actor: actorOf(caller), requestId }))) throw problem('not-found');
    return { status: 204 };
  },
});
