/** How failed sign-ins slow down the next ones. */
export interface FailureLimit {
  /** Failures in a row that cost no wait. */
  readonly free: number;
  /** One failure is forgotten after each such time without another. */
  readonly forgottenEverySeconds: number;
  /** The wait after `free` failures is one second and doubles with each further one, up to this. */
  readonly longestWaitSeconds: number;
}

/**
 * Failures are counted for an account from one source, for the account from everywhere, and for a source whatever the account. Nothing
 * is ever locked for good, and whoever guesses without a pause gets less than a hundred tries in a day and account
 * (NIST SP 800-63B-4, 3.2.2: at most 100 in a row). A source from which the account signed in before answers for itself alone, so
 * that strangers cannot keep people out who come from where they always come from.
 */
export const failureLimits = {
  accountFromSource: { free: 5, forgottenEverySeconds: 3_600, longestWaitSeconds: 1_800 },
  account: { free: 10, forgottenEverySeconds: 3_600, longestWaitSeconds: 1_800 },
  /** Many people may share an address: it is slowed down later, less, and for a shorter time. */
  source: { free: 100, forgottenEverySeconds: 60, longestWaitSeconds: 300 },
} as const satisfies Readonly<Record<string, FailureLimit>>;

/** Failures beyond which the wait grows no more; more of them need not be remembered. */
const mostFailures = ({ free, longestWaitSeconds }: FailureLimit): number => free + Math.ceil(Math.log2(longestWaitSeconds));

/** What one more failure makes of those before; `idleSeconds` is the time since the last of them. */
export const afterFailure = (
  { failures, idleSeconds }: { readonly failures: number; readonly idleSeconds: number }, limit: FailureLimit,
): { readonly failures: number; readonly waitSeconds: number } => {
  const remembered = Math.max(0, failures - Math.floor(idleSeconds / limit.forgottenEverySeconds));
  const now = Math.min(remembered + 1, mostFailures(limit));
  return { failures: now, waitSeconds: now < limit.free ? 0 : Math.min(2 ** (now - limit.free), limit.longestWaitSeconds) };
};
