/** Times of the same act in two situations, in milliseconds, taken in turn. */
export interface Times {
  readonly one: readonly number[];
  readonly other: readonly number[];
}

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
};

/** Ranks from 1, those that are equal share the mean of theirs. */
const ranksOf = (values: readonly number[]): number[] => {
  const sorted = values.toSorted((a, b) => a - b);
  return values.map((value) => (sorted.indexOf(value) + sorted.lastIndexOf(value)) / 2 + 1);
};

/** Complement of the error function (Abramowitz and Stegun 7.1.26, accurate to 1.5e-7), for x >= 0. */
const complementaryError = (x: number): number => {
  const t = 1 / (1 + 0.3275911 * x);
  return t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))) * Math.exp(-x * x);
};

/** Two-sided probability of a difference as great by chance: the rank sum test of Mann and Whitney, in its normal approximation (20 values or more on each side). */
export const chanceOf = ({ one, other }: Times): number => {
  const ranks = ranksOf([...one, ...other]);
  const rankSum = ranks.slice(0, one.length).reduce((sum, rank) => sum + rank, 0);
  const u = rankSum - (one.length * (one.length + 1)) / 2;
  const spread = Math.sqrt((one.length * other.length * (one.length + other.length + 1)) / 12);
  return complementaryError(Math.abs(u - (one.length * other.length) / 2) / spread / Math.SQRT2);
};

/** Whether somebody with a clock can tell the situations apart: no chance (1 of 100), and a gap of the medians that is worth `leastGapMs`. */
const looksApart = (times: Times, leastGapMs: number): boolean => chanceOf(times) <= 0.01 && Math.abs(median(times.one) - median(times.other)) >= leastGapMs;

/** Takes times until it is told: what looks apart by chance on a busy machine does not do so again. */
export const areToldApart = async (take: () => Promise<Times>, leastGapMs: number): Promise<boolean> => looksApart(await take(), leastGapMs) && looksApart(await take(), leastGapMs);
