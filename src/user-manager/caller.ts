import type { WebhookClient } from './domain/webhook-client.ts';
import type { SessionKind, UserAccount } from './domain/user-account.ts';

/** Who asks: a person with a session, another service of ours, an operator, or a webhook client. */
export type Caller =
  | { readonly kind: 'person'; readonly user: UserAccount; readonly session: SessionKind; readonly sessionId: string }
  | { readonly kind: 'service' }
  | { readonly kind: 'operator'; readonly userId: string }
  | { readonly kind: 'client'; readonly client: WebhookClient };

/** How a caller appears in the audit. */
export const auditActorOf = (caller: Caller): string => {
  if (caller.kind === 'person') return `user:${caller.user.id}`;
  if (caller.kind === 'operator') return `operator:${caller.userId}`;
  return caller.kind === 'client' ? `client:${caller.client.clientId}` : 'service';
};
