import type { Authenticators } from '../http/authentication.ts';
import { problem } from '../http/problem.ts';
import { bearerOf } from '../http/request-credentials.ts';
import { isServiceToken, patientOf } from '../http/service-credential.ts';
import type { Caller } from './caller.ts';
import type { DeviceManagerDependencies } from './dependencies.ts';
import { senderAuthenticators } from './sender-authentication.ts';
import { createSenderTokens } from './sender-tokens.ts';
import { senderOfKey } from './storage/api-key-table.ts';
import type { Operators } from './upstream/user-manager.ts';

/** Who may call: services with their credential, operators with a session, senders with a key or a token. */
export const authenticators = ({ pool, serviceTokens, userIdHeader, tokenIssuers, trustedProxies }: DeviceManagerDependencies, operators: Operators): Authenticators<Caller> => ({
  serviceCredential: ({ headers }) => {
    if (!isServiceToken(bearerOf(headers), serviceTokens)) return Promise.resolve(null);
    const patientId = patientOf(headers[userIdHeader]);
    if (patientId === null) throw problem('user-header-missing', { errors: [{ pointer: `/headers/${userIdHeader}`, code: 'unusable', message: 'Send an id of 1 to 128 characters, or leave the header out.' }] });
    return Promise.resolve({ kind: 'service', ...(patientId !== undefined && { patientId }) });
  },
  operatorCredential: async ({ headers }) => {
    const token = bearerOf(headers);
    const userId = token === undefined ? undefined : await operators.operatorOf(token);
    return userId === undefined ? null : { kind: 'operator', userId };
  },
  ...senderAuthenticators({ senderOfKey: (key) => senderOfKey(pool, key), tokens: createSenderTokens(tokenIssuers), trustedProxies }),
});
