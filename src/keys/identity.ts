import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';

/** Length-prefixed, so that no two lists of parts read the same. */
const joined = (parts: readonly string[]): string => parts.map((part) => `${String(part.length)}:${part}`).join('');

const prepared = new WeakMap<Buffer, KeyObject>();

/** With a key as bytes, Node prepares the key anew for each digest, which costs eight times what the digest itself does. */
const hmac = (identityKey: Buffer): ReturnType<typeof createHmac> => {
  const key = prepared.get(identityKey) ?? createSecretKey(identityKey);
  prepared.set(identityKey, key);
  return createHmac('sha256', key);
};

/** 32 bytes that tell whether two contents are the same, and nothing about them without the key. */
export const contentMac = (identityKey: Buffer, parts: readonly string[]): Buffer =>
  hmac(identityKey).update(`content:${joined(parts)}`).digest();

/** The first 8 bytes of `contentMac`, where contents are compared that are known to be of one sample, or of one instant. */
export const contentKey = (identityKey: Buffer, parts: readonly string[]): bigint => contentMac(identityKey, parts).readBigInt64BE(0);

/** The identifier of a sample, 32 hexadecimal digits: the same parts give the same, under one identity key. */
export const sampleId = (identityKey: Buffer, parts: readonly string[]): string =>
  hmac(identityKey).update(`sample:${joined(parts)}`).digest('hex').slice(0, 32);

/** The identifier of a sample that is known by its content alone, as `sampleId` makes it, and a digest of that content from the same computation. */
export const contentIdentity = (identityKey: Buffer, parts: readonly string[]): { readonly _id: string; readonly contentKey: bigint } => {
  const digest = hmac(identityKey).update(`sample:${joined(parts)}`).digest();
  return { _id: digest.toString('hex', 0, 16), contentKey: digest.readBigInt64BE(16) };
};

/** 64 hexadecimal digits that name a reading with versions: the same parts give the same, under one identity key. */
export const readingIdentity = (identityKey: Buffer, parts: readonly string[]): string =>
  hmac(identityKey).update(`reading:${joined(parts)}`).digest('hex');

/** The identifier of a submission, 32 hexadecimal digits, which is its idempotency key: the same parts give the same, under one identity key. */
export const submissionId = (identityKey: Buffer, parts: readonly string[]): string =>
  hmac(identityKey).update(`submission:${joined(parts)}`).digest('hex').slice(0, 32);

/** Keyed digest of bytes as received. */
export const bytesMac = (identityKey: Buffer, bytes: Buffer): Buffer => hmac(identityKey).update('bytes:').update(bytes).digest();
