import { open, seal, SealBrokenError } from './cipher.ts';
import type { MasterKeys } from './master-key.ts';

/** What a key of a scope is for: making identifiers, or encrypting in one generation. */
export type KeyUse = 'identity' | number;

/** A key as it is stored; `masterKeyId` is null where it was wrapped before master keys had names. */
export interface WrappedKey {
  readonly wrapped: Buffer;
  readonly masterKeyId: string | null;
}

/** A key was wrapped by a master key that this process was not given. */
export class MasterKeyMissingError extends Error {
  constructor(id: string) {
    super(`A key was wrapped by the master key ${id}, which this process was not given.`);
    this.name = 'MasterKeyMissingError';
  }
}

/** What is sealed does not open: it was changed, or its key was wrapped by a master key that is not given. */
export const doesNotOpen = (error: unknown): boolean => error instanceof SealBrokenError || error instanceof MasterKeyMissingError;

const placeOf = (scope: string, use: KeyUse): string =>
  use === 'identity' ? `scope_key:${scope}:identity` : use === 1 ? `scope_key:${scope}:data` : `scope_key:${scope}:data:${String(use)}`;

/** Wraps 32 bytes with the current master key, bound to scope and use. */
export const wrap = ({ current }: MasterKeys, scope: string, use: KeyUse, key: Buffer): WrappedKey & { readonly masterKeyId: string } =>
  ({ wrapped: seal(current.bytes, key, placeOf(scope, use)), masterKeyId: current.id });

/** Unwraps a key with the master key that wrapped it. Throws MasterKeyMissingError, and SealBrokenError for a key that was changed or moved. */
export const unwrap = ({ current, previous }: MasterKeys, scope: string, use: KeyUse, { wrapped, masterKeyId }: WrappedKey): Buffer => {
  const place = placeOf(scope, use);
  const known = [current, ...(previous ? [previous] : [])].filter(({ id }) => masterKeyId === null || id === masterKeyId);
  if (masterKeyId !== null && known.length === 0) throw new MasterKeyMissingError(masterKeyId);
  for (const { bytes } of known) {
    try {
      return open(bytes, wrapped, place);
    } catch (error) {
      if (!(error instanceof SealBrokenError)) throw error;
    }
  }
  throw new SealBrokenError(place);
};
