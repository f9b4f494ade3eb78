/** What opens, replaces or ends a session, one after the other, and of which everything else of the session keeps clear. */
export interface SessionChanges {
  /** Makes a change once those before it are through. */
  readonly make: <Result>(isSignOut: boolean, change: () => Promise<Result>) => Promise<Result>;
  /** A mark of this moment: how many changes have begun. */
  readonly now: () => number;
  readonly isSignedOutSince: (moment: number) => boolean;
  /** Asks, and goes on with an answer between whose question and arrival there was no change. Waits for those under way. */
  readonly between: <Answer, Result>(ask: () => Promise<Answer>, goOn: (answer: Answer) => Promise<Result>) => Promise<Result>;
}

/** Opens the changes of a session, of which there were none. */
export const createChanges = (): SessionChanges => {
  let begun = 0;
  let signedOut = 0;
  let through: Promise<unknown> = Promise.resolve();
  return {
    make: (isSignOut, change) => {
      begun += 1;
      if (isSignOut) signedOut = begun;
      const done = through.then(change);
      through = Promise.allSettled([done]);
      return done;
    },
    now: () => begun,
    isSignedOutSince: (moment) => signedOut > moment,
    between: async (ask, goOn) => {
      for (;;) {
        await through;
        const before = begun;
        const answer = await ask();
        if (before === begun) return goOn(answer);
      }
    },
  };
};
