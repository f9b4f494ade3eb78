import { setTimeout as sleep } from 'node:timers/promises';
import { createRemoteJWKSet, customFetch, errors, jwtVerify, type JWTPayload } from 'jose';
import { spanOf } from '../http/light-fetch.ts';
import { problem } from '../http/problem.ts';
import { traced, type Note } from '../tracing/tracing.ts';
import type { KeyHolder } from './storage/api-key-table.ts';

/** Who issues tokens that open the webhook. */
export interface TokenIssuer {
  /** Value of the claim `iss`. */
  readonly issuer: string;
  readonly jwksUrl: string;
  /** Value that the claim `aud` must hold. */
  readonly audience: string;
  /** Scope that the token must have; none where the issuer gives none. */
  readonly scope?: string | undefined;
  /** The sender that its tokens post as; without one, the claim `sub` names it. */
  readonly sender?: string | undefined;
  /** Milliseconds between two looks at its keys, whatever tokens come; 10,000 where none is given. */
  readonly keysEveryMs?: number;
}

/** Judges bearer tokens of webhook senders. */
export interface SenderTokens {
  /** The sender of a token, and the devices it may send for where the claim `device_ids` names some; undefined for one that is none of ours, has ended, or is for something else. Throws 503 while the keys of its issuer cannot be read. */
  readonly senderOf: (token: string) => Promise<KeyHolder | undefined>;
}

/** Signatures only; what a shared secret signs would make every reader of tokens a writer. */
const algorithms = ['ES256', 'ES384', 'EdDSA', 'Ed25519', 'PS256', 'RS256'];
const clockToleranceSeconds = 60;
const longestToken = 8192;

const hasScope = ({ scope, scp }: JWTPayload, wanted: string | undefined): boolean => {
  if (wanted === undefined) return true;
  const given = scope ?? scp;
  return (typeof given === 'string' ? given.split(' ') : Array.isArray(given) ? given : []).includes(wanted);
};

/** The devices that a token is limited to; 'malformed' where the claim is no list of texts, for a limit that cannot be read is no licence. */
const devicesOf = ({ device_ids: devices }: JWTPayload): readonly string[] | undefined | 'malformed' => {
  if (devices === undefined) return undefined;
  return Array.isArray(devices) && devices.every((one) => typeof one === 'string') ? devices : 'malformed';
};

const senderName = /^[a-z][a-z0-9-]{0,63}$/;

const largestKeySet = 262_144;

/** Reads no more than a set of keys can be; a redirect is an answer like any other that is not 200. */
const boundedFetch = async (url: string, init: RequestInit, note: Note): Promise<Response> => {
  const { body, status, headers } = await fetch(url, { ...init, redirect: 'manual' });
  note({ 'http.response.status_code': status });
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > largestKeySet) throw new Error('an issuer answered more than a set of keys can be');
    chunks.push(chunk);
  }
  return new Response(status === 204 || status === 304 ? null : Buffer.concat(chunks), { status, headers });
};

const tracedFetch = (url: string, init: RequestInit): Promise<Response> =>
  traced(spanOf(new URL(url).origin, { method: 'GET', template: undefined }), (note) => boundedFetch(url, init, note));

/** Up to here a token waits for keys that cannot be looked at again yet. */
const longestWaitForKeysMs = 1_000;

const verifier = ({ issuer, jwksUrl, audience, scope, sender, keysEveryMs = 10_000 }: TokenIssuer) => {
  const keys = createRemoteJWKSet(new URL(jwksUrl), { timeoutDuration: 5_000, cooldownDuration: keysEveryMs, cacheMaxAge: 600_000, [customFetch]: tracedFetch });
  const verified = (token: string) => jwtVerify(token, keys, { issuer, audience, algorithms, clockTolerance: clockToleranceSeconds, requiredClaims: ['exp'] });
  /** Whoever made a key up a moment ago must not have a token under a new key refused: its sender may never come again. */
  const verifiedOnceKeysAreNew = async (token: string) => {
    try {
      return await verified(token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || !keys.coolingDown || keysEveryMs > longestWaitForKeysMs) throw error;
      await sleep(keysEveryMs);
      return verified(token);
    }
  };
  return async (token: string): Promise<KeyHolder | undefined> => {
    const { payload } = await verifiedOnceKeysAreNew(token);
    const name = sender ?? payload.sub;
    const deviceIds = devicesOf(payload);
    if (!hasScope(payload, scope) || name === undefined || !senderName.test(name) || deviceIds === 'malformed') return undefined;
    return { sender: name, ...(deviceIds && { deviceIds }) };
  };
};

/** What a token is refused for; anything else means that the issuer could not be asked. */
const isRefusal = (error: unknown): boolean =>
  error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout) && error.code !== 'ERR_JOSE_GENERIC' && !(error instanceof errors.JWKSInvalid);

const issuerIn = (token: string): unknown => {
  try {
    return (JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as JWTPayload).iss;
  } catch {
    return undefined; // no JWT: nobody's token
  }
};

/** Checks tokens against the keys of the issuer that they name, which must be one of these; keys are fetched when first needed. */
export const createSenderTokens = (issuers: readonly TokenIssuer[]): SenderTokens => {
  const verifiers = new Map(issuers.map((issuer) => [issuer.issuer, verifier(issuer)]));
  return {
    senderOf: async (token) => {
      const issuer = token.length <= longestToken && token.split('.').length === 3 ? issuerIn(token) : undefined;
      const verify = typeof issuer === 'string' ? verifiers.get(issuer) : undefined;
      if (verify === undefined) return undefined;
      try {
        return await verify(token);
      } catch (error) {
        if (isRefusal(error)) return undefined;
        throw problem('upstream-unavailable', { retryAfterSeconds: 5, cause: error });
      }
    },
  };
};
