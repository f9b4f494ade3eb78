/** Items of one upload; more are refused with 413. */
export const MAX_ITEMS = 5000;

/** Bytes of one upload after content decoding: 10 MiB. */
export const MAX_BYTES = 10 * 1024 * 1024;

/** A phone's clock may be this many milliseconds ahead of ours before a sample counts as from the future. */
export const FUTURE_TOLERANCE_MS = 5 * 60 * 1000;

/** Characters of the longest text inside an item. */
export const MAX_TEXT_LENGTH = 4096;

/** Characters of a type name that are kept. */
export const MAX_TYPE_LENGTH = 128;
