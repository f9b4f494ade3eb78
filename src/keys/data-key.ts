import { createSecretKey } from 'node:crypto';
import { generationOf, openUnder, sealUnder, SealBrokenError } from './cipher.ts';

/** Encrypts what one patient, or one quarantined delivery, has; it knows its generations. */
export interface DataKey {
  /** The generation under which it seals, 1 at first. */
  readonly generation: number;
  /** Encrypts with AES-256-GCM, bound to its place: opening needs the same. */
  readonly seal: (plaintext: Buffer, place: string) => Buffer;
  /**
   * Decrypts what was sealed under any generation that still exists, also one that was made meanwhile. Throws SealBrokenError when
   * bytes, key or place differ.
   */
  readonly open: (sealed: Buffer, place: string) => Promise<Buffer>;
}

/** Generations are integers of the database; a header that was tampered with may name a larger one. */
const mostGenerations = 0x7fffffff;

/** A data key of one generation; others are looked up when something sealed under them is met. */
export const createDataKey = (generation: number, key: Buffer, keyOf: (generation: number) => Promise<Buffer | undefined>): DataKey => {
  const prepared = createSecretKey(key);
  const others = new Map<number, Promise<Buffer | undefined>>();
  const other = (wanted: number): Promise<Buffer | undefined> => {
    const found = others.get(wanted) ?? keyOf(wanted);
    others.set(wanted, found);
    return found;
  };
  return {
    generation,
    seal: (plaintext, place) => sealUnder(generation, prepared, plaintext, place),
    open: async (sealed, place) => {
      const wanted = generationOf(sealed);
      const known = wanted === generation ? prepared : wanted > mostGenerations ? undefined : await other(wanted);
      if (known === undefined) throw new SealBrokenError(place);
      return openUnder(known, sealed, place);
    },
  };
};
