import type { Authenticators } from '../http/authentication.ts';
import { problem } from '../http/problem.ts';
import { isServiceToken } from '../http/service-credential.ts';
import { basicOf, bearerOf, sidOf } from '../http/request-credentials.ts';
import type { Caller } from './caller.ts';
import type { WebhookClient } from './domain/webhook-client.ts';
import { OPERATOR_GROUP, type SessionKind, type UserAccount } from './domain/user-account.ts';
import { hashOfToken, isSessionToken } from './session-token.ts';

/** What judging credentials stands on. */
export interface AuthenticationOptions {
  /** The current service token and, while rotating, the one before. */
  readonly serviceTokens: readonly string[];
  readonly findClient: (clientId: string, secret: string) => Promise<WebhookClient | undefined>;
  readonly findSessionUser: (tokenHash: Buffer, kind: SessionKind) => Promise<{ readonly user: UserAccount; readonly sessionId: string } | undefined>;
}

/** The security schemes of the specification; an operator is a person of that group with a bearer token. */
export const createAuthenticators = ({ serviceTokens, findClient, findSessionUser }: AuthenticationOptions): Authenticators<Caller> => {
  const personOf = async (token: string | undefined, session: SessionKind): Promise<Extract<Caller, { kind: 'person' }> | null> => {
    if (token === undefined || !isSessionToken(token)) return null;
    const found = await findSessionUser(hashOfToken(token), session);
    if (found === undefined) return null;
    // The original's words, which its clients look for.
    if (found.user.authUserId === undefined) throw problem('unauthenticated', { detail: 'Missing authUserId, user not logged' });
    return { kind: 'person', ...found, session };
  };
  return {
    session: ({ headers }) => personOf(sidOf(headers), 'cookie'),
    accessToken: ({ headers }) => personOf(bearerOf(headers), 'bearer'),
    serviceCredential: ({ headers }) => Promise.resolve(isServiceToken(bearerOf(headers), serviceTokens) ? { kind: 'service' } : null),
    clientCredential: async ({ headers }) => {
      const basic = basicOf(headers);
      if (basic === undefined) return null;
      const client = await findClient(basic.user, basic.password);
      // The form is the other way to name a client: a wrong secret here must not become a missing one there.
      if (client === undefined) throw problem('sign-in-failed');
      return { kind: 'client', client };
    },
    operatorCredential: async ({ headers }) => {
      const person = await personOf(bearerOf(headers), 'bearer');
      return person?.user.userGroup === OPERATOR_GROUP ? { kind: 'operator', userId: person.user.id } : null;
    },
  };
};
