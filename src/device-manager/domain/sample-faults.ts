/** Says that the database gave up on conditions in a client's own words. */
export class TooSlowError extends Error {}

/** Says that the database reads a pattern differently from us, and not at all. */
export class PatternError extends Error {}
