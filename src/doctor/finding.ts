/** What became of one look: `warning` works today and may not tomorrow, `wrong` does not work, or will lose something. */
export type Verdict = 'well' | 'warning' | 'wrong';

/** The parts of an installation that are looked at, in the order in which they are told. */
export type Area = 'configuration' | 'database' | 'keys' | 'upstreams' | 'clock' | 'disk';

/** One thing that was looked at. No text holds a secret, an address of a person, or a URL: settings are named instead. */
export interface Finding {
  readonly area: Area;
  readonly looked: string;
  readonly verdict: Verdict;
  readonly found: string;
  /** What to do, where it is not well. */
  readonly remedy?: string;
}

type Words = readonly [looked: string, found: string];

/** Findings of one area, each with what was looked at, what was found and, unless it is well, the remedy. */
export const findingsOf = (area: Area) => ({
  well: (...[looked, found]: Words): Finding => ({ area, looked, verdict: 'well', found }),
  warning: (...[looked, found, remedy]: [...Words, remedy: string]): Finding => ({ area, looked, verdict: 'warning', found, remedy }),
  wrong: (...[looked, found, remedy]: [...Words, remedy: string]): Finding => ({ area, looked, verdict: 'wrong', found, remedy }),
});

/** The worst of the verdicts. */
export const worstOf = (findings: readonly Finding[]): Verdict =>
  findings.some(({ verdict }) => verdict === 'wrong') ? 'wrong' : findings.some(({ verdict }) => verdict === 'warning') ? 'warning' : 'well';
