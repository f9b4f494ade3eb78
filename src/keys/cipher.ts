import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const version = 1;
const ivBytes = 12;
const tagBytes = 16;

/** Sealed bytes that were changed, moved to another place, or sealed under another key. */
export class SealBrokenError extends Error {
  constructor(cause?: unknown) {
    super('Sealed data does not open: it was changed, moved, or sealed under another key.', { cause });
    this.name = 'SealBrokenError';
  }
}

/**
 * Encrypts with AES-256-GCM and a random 96-bit nonce (NIST SP 800-38D 8.2.2). `aad` binds the result to its place: opening needs
 * the same. Layout: version (1 byte), nonce (12), tag (16), ciphertext.
 */
export const seal = (key: Buffer, plaintext: Buffer, aad: string): Buffer => {
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(aad));
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return Buffer.concat([Buffer.of(version), iv, cipher.getAuthTag(), ciphertext]);
};

/** Decrypts what `seal` made. Throws SealBrokenError when key, bytes or `aad` differ. */
export const open = (key: Buffer, sealed: Buffer, aad: string): Buffer => {
  if (sealed.length < 1 + ivBytes + tagBytes || sealed[0] !== version) throw new SealBrokenError();
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(1, 1 + ivBytes), { authTagLength: tagBytes });
  decipher.setAAD(Buffer.from(aad)).setAuthTag(sealed.subarray(1 + ivBytes, 1 + ivBytes + tagBytes));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(1 + ivBytes + tagBytes)), decipher.final()]);
  } catch (error) {
    throw new SealBrokenError(error);
  }
};
