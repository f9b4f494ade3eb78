import { createHash, timingSafeEqual } from 'node:crypto';
import type { Authenticators, HeaderView } from '../http/authentication.ts';
import { OPERATOR_GROUP, type SessionKind, type UserAccount } from './domain/user-account.ts';
import { sidOf } from './session-cookie.ts';
import { hashOfToken, isSessionToken } from './session-token.ts';

/** Who calls: a person with a session, another service of ours, or an operator. */
export type Caller =
  | { readonly kind: 'person'; readonly user: UserAccount; readonly tokenHash: Buffer; readonly session: SessionKind }
  | { readonly kind: 'service' }
  | { readonly kind: 'operator'; readonly userId: string };

type Person = Extract<Caller, { kind: 'person' }>;

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();

const bearerOf = ({ headers }: HeaderView): string | undefined => /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];

/** Compares digests in constant time, and always all of them. */
const isOneOf = (tokens: readonly string[], given: string): boolean => {
  const digest = digestOf(given);
  return tokens.map((token) => timingSafeEqual(digestOf(token), digest)).includes(true);
};

/** What judging credentials stands on. */
export interface AuthenticationOptions {
  /** The current service token and, while rotating, the one before. */
  readonly serviceTokens: readonly string[];
  readonly findSessionUser: (tokenHash: Buffer, kind: SessionKind) => Promise<UserAccount | undefined>;
}

/** The security schemes of the specification; an operator is a person of that group with a bearer token. */
export const createAuthenticators = ({ serviceTokens, findSessionUser }: AuthenticationOptions): Authenticators<Caller> => {
  const personOf = async (token: string | undefined, session: SessionKind): Promise<Person | null> => {
    if (token === undefined || !isSessionToken(token)) return null;
    const tokenHash = hashOfToken(token);
    const user = await findSessionUser(tokenHash, session);
    return user === undefined ? null : { kind: 'person', user, tokenHash, session };
  };
  return {
    session: (request) => personOf(sidOf(request.headers.cookie), 'cookie'),
    accessToken: (request) => personOf(bearerOf(request), 'bearer'),
    serviceCredential: (request) => {
      const token = bearerOf(request);
      return Promise.resolve(token !== undefined && isOneOf(serviceTokens, token) ? { kind: 'service' } : null);
    },
    operatorCredential: async (request) => {
      const person = await personOf(bearerOf(request), 'bearer');
      return person?.user.userGroup === OPERATOR_GROUP ? { kind: 'operator', userId: person.user.id } : null;
    },
  };
};
