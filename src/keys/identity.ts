import { createHmac } from 'node:crypto';

/** Length-prefixed, so that no two lists of parts read the same. */
const joined = (parts: readonly string[]): string => parts.map((part) => `${String(part.length)}:${part}`).join('');

/** 32 bytes that tell whether two contents are the same, and nothing about them without the key. */
export const contentMac = (identityKey: Buffer, parts: readonly string[]): Buffer =>
  createHmac('sha256', identityKey).update(`content:${joined(parts)}`).digest();

/** The identifier of a sample, 32 hexadecimal digits: the same parts give the same, under one identity key. */
export const sampleId = (identityKey: Buffer, parts: readonly string[]): string =>
  createHmac('sha256', identityKey).update(`sample:${joined(parts)}`).digest('hex').slice(0, 32);

/** The identifier of a submission, 32 hexadecimal digits, which is its idempotency key: the same parts give the same, under one identity key. */
export const submissionId = (identityKey: Buffer, parts: readonly string[]): string =>
  createHmac('sha256', identityKey).update(`submission:${joined(parts)}`).digest('hex').slice(0, 32);

/** Keyed digest of bytes as received. */
export const bytesMac = (identityKey: Buffer, bytes: Buffer): Buffer => createHmac('sha256', identityKey).update('bytes:').update(bytes).digest();
