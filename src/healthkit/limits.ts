/** A phone's clock may be this many milliseconds ahead of ours before a sample counts as from the future. */
export const FUTURE_TOLERANCE_MS = 5 * 60 * 1000;

/** Characters of the longest text inside an item, but for the FHIR resource of a clinical record. */
export const MAX_TEXT_LENGTH = 4096;

/** Characters of a type name that are kept. */
export const MAX_TYPE_LENGTH = 128;

/** Bounds on one request of samples or deletions, as the specification says: items, and bytes after decoding. */
export const UPLOAD_LIMITS = { maxItems: 5000, maxBytes: 10 * 1024 * 1024 } as const;

/** What goes well on a phone with seconds in the background. */
export const RECOMMENDED_UPLOAD = { recommendedItems: 1000, recommendedBytes: 1024 * 1024 } as const;
