import { createHmac } from 'node:crypto';

/** The 32 bytes that wrap every other key, and a name for them that tells nothing about them. */
export interface MasterKey {
  /** 16 hexadecimal digits: a keyed fingerprint. */
  readonly id: string;
  readonly bytes: Buffer;
}

/** The master key that wraps, and the one that opens as well while the master key is changed. */
export interface MasterKeys {
  readonly current: MasterKey;
  readonly previous?: MasterKey | undefined;
}

const bytesOfKey = 32;
/** 32 random bytes have some 30 different values; fewer than this many come once in 10^15 keys. */
const leastDifferent = 16;
const asText = /^([0-9a-fA-F]{64}|[A-Za-z0-9+/_-]{43}=?)$/;

const isSample = (key: Buffer): boolean => {
  const steps = new Set(key.subarray(1).map((byte, index) => (byte - (key[index] ?? 0)) & 0xff));
  const isPrintable = key.every((byte) => byte >= 0x20 && byte < 0x7f);
  return new Set(key).size < leastDifferent || steps.size === 1 || isPrintable;
};

const bytesIn = (text: string): Buffer => Buffer.from(text, text.length === 2 * bytesOfKey ? 'hex' : 'base64');

/** What is wrong with the text of a master key, as the end of a sentence that never quotes it; undefined when it can be one. */
export const masterKeyFault = (text: string): string | undefined => {
  if (!asText.test(text)) return 'is not 32 bytes in hex or base64';
  return isSample(bytesIn(text)) ? 'is a sample or a phrase, not 32 random bytes: make one with `openssl rand -hex 32`' : undefined;
};

/** A master key of 32 bytes with its name (HMAC-SHA-256 under the key itself, cut to 64 bits). */
export const masterKeyOf = (bytes: Buffer): MasterKey => ({ id: createHmac('sha256', bytes).update('vitalgate master key').digest('hex').slice(0, 16), bytes });

/** Reads a text that has no `masterKeyFault`. */
export const parseMasterKey = (text: string): MasterKey => masterKeyOf(bytesIn(text));
