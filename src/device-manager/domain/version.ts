/** What is kept of the names of a reading: one, or two of which each has versions of its own. */
export const identityText = (names: readonly string[]): string | undefined => (names.length === 0 ? undefined : names.join(' '));
/** The names in such a text. */
export const namesIn = (identity: string): string[] => identity.split(' ');

/** One version of a reading that a sender may correct or withdraw. */
export interface Version {
  readonly _id: string;
  readonly status: 'registered' | 'preliminary' | 'unknown' | 'final' | 'amended' | 'corrected' | 'entered-in-error' | 'cancelled';
  /** Whether the sender names the reading; device, type and time alone can belong to two readings. */
  readonly named: boolean;
  readonly issuedAt: number | undefined;
  readonly receivedAt: number;
}

/** The values of a blood pressure that came as two Observations, each with versions of its own, in the order of their identities. */
export const halves = ['systolicBloodPressure', 'diastolicBloodPressure'] as const;

/** What a version counts for beside the others; all but `current` are in no chart. `leftOut` is a half that does not count, and why: `systolicBloodPressure:corrected`. */
export type Standing =
  | { readonly state: 'current'; readonly leftOut?: string }
  | { readonly state: 'superseded' | 'withdrawn' | 'conflicting'; readonly reason: string };

const withdrawing: ReadonlySet<string> = new Set(['entered-in-error', 'cancelled']);
const rankOf = ({ status }: Pick<Version, 'status'>): number => {
  if (withdrawing.has(status)) return 3;
  if (status === 'amended' || status === 'corrected') return 2;
  return status === 'final' ? 1 : 0;
};

/** Whether a reading with this status takes an earlier one back instead of measuring something. */
export const withdraws = (status: string | undefined): boolean => status !== undefined && withdrawing.has(status);

/** Whether of versions with this status the one issued last counts: of final ones the first does, and a withdrawal takes back all. */
export const latestCounts = (status: Version['status'] | undefined): boolean => status !== undefined && [0, 2].includes(rankOf({ status }));

/** From the earliest to the latest: as issued where both say so, else as received. */
const inOrder = (a: Version, b: Version): number =>
  (a.issuedAt !== undefined && b.issuedAt !== undefined && a.issuedAt - b.issuedAt) || a.receivedAt - b.receivedAt || (a._id < b._id ? -1 : 1);

/**
 * The standing of each version of one reading, by identifier. A withdrawal takes back all of them, whenever it came. Else the last
 * correction counts, else the final version, else the last preliminary one. A second final version of a reading that has a name is a
 * conflict: the first stays. Without a name, it is another reading.
 */
export const standingsOf = (versions: readonly Version[]): Map<string, Standing> => {
  const top = Math.max(...versions.map(rankOf));
  const leaders = versions.filter((one) => rankOf(one) === top).sort(inOrder);
  const winner = top === 1 ? leaders[0] : leaders.at(-1);
  return new Map(
    versions.map((one): [string, Standing] => {
      if (top === 3) return [one._id, { state: 'withdrawn', reason: withdraws(one.status) ? one.status : (winner?.status ?? one.status) }];
      if (one === winner || (top < 2 && rankOf(one) === top && !one.named)) return [one._id, { state: 'current' }];
      return [one._id, rankOf(one) === 1 && top === 1 ? { state: 'conflicting', reason: 'conflicting-reading' } : { state: 'superseded', reason: winner?.status ?? 'final' }];
    }),
  );
};

/**
 * The standing of a blood pressure that came as two Observations, of which each is corrected and withdrawn by itself: it counts while one
 * of them does, without the other.
 */
export const standingOfPair = (systolic: Standing, diastolic: Standing): Standing => {
  if (systolic.state !== 'current') return diastolic.state === 'current' ? { state: 'current', leftOut: `${halves[0]}:${systolic.reason}` } : systolic;
  return diastolic.state === 'current' ? systolic : { state: 'current', leftOut: `${halves[1]}:${diastolic.reason}` };
};

/** One reading of the total of a period: sums grow, and whoever read them later knows more. */
export interface Total {
  readonly _id: string;
  /** Whose reading it is: two phones may know different things. */
  readonly device: string;
  /** It was not read before this instant, as milliseconds since 1970. */
  readonly readAfter: number;
  readonly receivedAt: number;
}

/** Why a reading of a total does not count: another may be as new and is larger, or is newer. */
export const [SMALLER_TOTAL, NEWER_TOTAL] = ['larger-total', 'newer-total'] as const;

/** Those of some readings of one total that may be the latest of their device: none that came before another was read. */
export const mayBeLatest = (totals: readonly Total[]): Total[] =>
  [...Map.groupBy(totals, ({ device }) => device).values()].flatMap((own) => {
    const latest = Math.max(...own.map(({ readAfter }) => readAfter));
    return own.filter(({ readAfter, receivedAt }) => Math.max(readAfter, receivedAt) >= latest);
  });

/**
 * The standing of each reading of one total, by identifier: of those that may be the latest the largest counts, for sums grow and an old
 * upload may come late; of equal ones, and where no amount is known, the one received last. Does not depend on the order they came in.
 */
export const standingsOfTotals = (totals: readonly Total[], amounts: ReadonlyMap<string, number>): Map<string, Standing> => {
  const amountOf = ({ _id }: Total): number => amounts.get(_id) ?? -1;
  const latest = mayBeLatest(totals);
  const compared = new Set(latest.map(({ _id }) => _id));
  const [winner] = latest.sort((a, b) => amountOf(b) - amountOf(a) || b.receivedAt - a.receivedAt || (a._id < b._id ? -1 : 1));
  return new Map(totals.map((one): [string, Standing] => [one._id, one === winner ? { state: 'current' } : { state: 'superseded', reason: compared.has(one._id) ? SMALLER_TOTAL : NEWER_TOTAL }]));
};

/** One version of a reading whose app counts them (HKMetadataKeySyncVersion). */
export interface NumberedVersion {
  readonly _id: string;
  readonly number: number;
  readonly receivedAt: number;
}

/**
 * The standing of each numbered version of one reading, by identifier: the highest number counts, in whatever order they came; of
 * several with that number the first received, as HealthKit ignores a version that is not higher.
 */
export const standingsOfNumbered = (versions: readonly NumberedVersion[]): Map<string, Standing> => {
  const [winner] = versions.toSorted((a, b) => b.number - a.number || a.receivedAt - b.receivedAt || (a._id < b._id ? -1 : 1));
  return new Map(versions.map((one): [string, Standing] => [one._id, one === winner ? { state: 'current' } : { state: 'superseded', reason: 'sync-version' }]));
};
