import { createCipheriv, createDecipheriv, randomBytes, type KeyObject } from 'node:crypto';

/** First byte of what was sealed: with the key given, or under a generation that the header names. */
const plainVersion = 1;
const generationVersion = 2;
const generationHeaderBytes = 5;
const ivBytes = 12;
const tagBytes = 16;

/** Sealed bytes that were changed, moved to another place, or sealed under another key. Names the kind of place, never which one. */
export class SealBrokenError extends Error {
  constructor(place = '', cause?: unknown) {
    const kind = /^[a-z_]+/.exec(place)?.[0];
    super(`Sealed data${kind === undefined ? '' : ` (${kind})`} does not open: it was changed, moved, or sealed under another key.`, { cause });
    this.name = 'SealBrokenError';
  }
}

/** 32 bytes; one that seals often is prepared once, as a KeyObject, because Node prepares bytes anew for each use. */
type CipherKey = Buffer | KeyObject;

/** Layout after the header: nonce (12 bytes), tag (16), ciphertext. Header and place are authenticated. */
const encrypt = (key: CipherKey, plaintext: Buffer, header: Buffer, aad: Buffer): Buffer => {
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(aad);
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return Buffer.concat([header, iv, cipher.getAuthTag(), ciphertext]);
};

const decrypt = (key: CipherKey, sealed: Buffer, aad: Buffer, place: string): Buffer => {
  if (sealed.length < ivBytes + tagBytes) throw new SealBrokenError(place);
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, ivBytes), { authTagLength: tagBytes });
  decipher.setAAD(aad).setAuthTag(sealed.subarray(ivBytes, ivBytes + tagBytes));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(ivBytes + tagBytes)), decipher.final()]);
  } catch (error) {
    throw new SealBrokenError(place, error);
  }
};

/**
 * Encrypts with AES-256-GCM and a random 96-bit nonce (NIST SP 800-38D 8.2.2). `place` binds the result to its place: opening needs
 * the same. The first byte is 1.
 */
export const seal = (key: Buffer, plaintext: Buffer, place: string): Buffer => encrypt(key, plaintext, Buffer.of(plainVersion), Buffer.from(place));

/** Decrypts what `seal` made. Throws SealBrokenError when key, bytes or `place` differ. */
export const open = (key: CipherKey, sealed: Buffer, place: string): Buffer => {
  if (sealed[0] !== plainVersion) throw new SealBrokenError(place);
  return decrypt(key, sealed.subarray(1), Buffer.from(place), place);
};

/** As `seal`, under one generation of a key: the first byte is 2, the next four are the generation, and they are authenticated, too. */
export const sealUnder = (generation: number, key: CipherKey, plaintext: Buffer, place: string): Buffer => {
  const header = Buffer.alloc(generationHeaderBytes);
  header.writeUInt8(generationVersion, 0);
  header.writeUInt32BE(generation, 1);
  return encrypt(key, plaintext, header, Buffer.concat([header, Buffer.from(place)]));
};

/** Decrypts what `sealUnder` made, and what `seal` made before there were generations. Throws SealBrokenError as `open`. */
export const openUnder = (key: CipherKey, sealed: Buffer, place: string): Buffer => {
  if (sealed[0] !== generationVersion) return open(key, sealed, place);
  const header = sealed.subarray(0, generationHeaderBytes);
  return decrypt(key, sealed.subarray(generationHeaderBytes), Buffer.concat([header, Buffer.from(place)]), place);
};

/** Under which generation bytes say that they were sealed: the first, where they are from before there were generations. */
export const generationOf = (sealed: Buffer): number => (sealed[0] === generationVersion && sealed.length >= generationHeaderBytes ? sealed.readUInt32BE(1) : 1);
