/**
 * Whether an asker has what an entity tag names, by its If-None-Match: `*`, or a list of tags. The comparison is weak (RFC 9110, 13.1.2):
 * a proxy that compresses answers weakens their tags.
 */
export const hasTag = (ifNoneMatch: string | undefined, etag: string): boolean =>
  ifNoneMatch?.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === etag) === true;
