import type { IncomingHttpHeaders } from 'node:http';
import type { OperationInfo } from './operation-info.ts';
import { problem } from './problem.ts';
import type { SecurityScheme, Spec } from './spec.ts';

/** What an authenticator may look at: never the body, which has not been read. */
export interface HeaderView {
  readonly headers: IncomingHttpHeaders;
  readonly remoteAddress: string | undefined;
  /** TLS ends in this process. */
  readonly encrypted: boolean;
  readonly operationId: string;
  readonly requestId: string;
}

/** Judges the credential of one security scheme; null means absent or not valid. May throw a problem (503, 403). */
export type Authenticator<Caller> = (request: HeaderView) => Promise<Caller | null>;

/** One authenticator per security scheme of the spec, by scheme name. */
export type Authenticators<Caller> = Readonly<Record<string, Authenticator<Caller>>>;

/** The outcome: an open operation has no caller. */
export type Authenticated<Caller> = { readonly open: true } | { readonly open: false; readonly caller: Caller };

/**
 * Throws, naming all that is wrong, when an operation says nothing about security, demands two schemes at once, or names a
 * scheme without authenticator: what nobody judges must never be served.
 */
export const checkSecurity = (spec: Spec, authenticators: Authenticators<unknown>): void => {
  const faults = spec.operations.flatMap(({ id, security }) => {
    if (security === undefined) return [`${id} declares no security (write [] for an open operation)`];
    return security.flatMap((alternative) => {
      if (alternative.length > 1) return [`${id} demands several schemes at once`];
      return alternative.filter((name) => !Object.hasOwn(authenticators, name)).map((name) => `${id}: no authenticator for ${name}`);
    });
  });
  if (faults.length > 0) throw new Error(`Security of ${spec.title}: ${[...new Set(faults)].join('; ')}.`);
};

/** Tries the alternatives of the operation in the order of the spec. Throws 401 when none holds. */
export const authenticate = async <Caller>(
  operation: OperationInfo, authenticators: Authenticators<Caller>, view: HeaderView,
): Promise<Authenticated<Caller>> => {
  for (const [scheme] of operation.security ?? []) {
    if (scheme === undefined) return { open: true };
    const caller = await authenticators[scheme]?.(view);
    if (caller !== null && caller !== undefined) return { open: false, caller };
  }
  throw problem('unauthenticated');
};

const challengeOf = (scheme: SecurityScheme | undefined): string => {
  if (scheme?.type !== 'http') return scheme?.in === 'cookie' ? 'Session realm="vitalgate"' : 'ApiKey realm="vitalgate"';
  return scheme.scheme === 'basic' ? 'Basic realm="vitalgate", charset="UTF-8"' : 'Bearer realm="vitalgate"';
};

/** The WWW-Authenticate challenges of an operation; sign-in itself, being open, names the bearer it hands out. */
export const challengesOf = (spec: Spec, operation: OperationInfo | undefined): readonly string[] => {
  const names = (operation?.security ?? []).flat();
  if (names.length === 0) return ['Bearer realm="vitalgate"'];
  return [...new Set(names.map((name) => challengeOf(spec.securitySchemes.get(name))))];
};
