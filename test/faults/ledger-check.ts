import type { Act, Entry, Outcome } from './ledger.ts';

/** What of one app is there after everything was done that was left to do; lists name a key as often as it is there. */
export interface Found {
  readonly samples: readonly { readonly at: string; readonly state: string }[];
  /** Instants of the points in the chart. */
  readonly charted: readonly string[];
  readonly deliveries: readonly string[];
  readonly devices: readonly string[];
  /** Mails with a link to set a new password. */
  readonly mails: number;
}

const repeated = (keys: readonly string[]): Set<string> => {
  const seen = new Set<string>();
  return new Set(keys.filter((key) => seen.size === seen.add(key).size));
};

const told = (fault: string, keys: Iterable<string>): string[] => {
  const [first, ...others] = keys;
  return first === undefined ? [] : [`${fault}: ${first}${others.length === 0 ? '' : ` and ${String(others.length)} more`}`];
};

/** What holds of anything that is kept under a key: all of it that was acknowledged, nothing that was not sent, nothing twice. */
const faultsOfKept = (name: string, there: readonly string[], sent: ReadonlySet<string>, acknowledged: ReadonlySet<string>): string[] => {
  const kept = new Set(there);
  return [
    ...told(`${name} acknowledged and lost`, acknowledged.difference(kept)),
    ...told(`${name} there and never sent`, kept.difference(sent)),
    ...told(`${name} there twice`, repeated(there)),
  ];
};

/** An upload is kept as a whole, whether its answer arrived or not; samples that were to be deleted say nothing of that. */
const halfUploads = (entries: readonly Entry[], stored: ReadonlySet<string>): string[] =>
  entries.filter(({ act, outcome }) => act === 'upload' && outcome === 'sent')
    .filter(({ keys }) => keys.some((key) => stored.has(key)) && !keys.every((key) => stored.has(key)))
    .map(({ keys: [first = ''] }) => first);

/**
 * Holds what an app was told against what is there. Answers the faults in words, each kind once with a key it befell; none when
 * nothing acknowledged was lost, nothing is there twice or was never sent, every sample has its one result and point, what was
 * deleted stays so, and every answer was a success, a 503 that says when to come again, or none.
 */
export const faultsOf = (entries: readonly Entry[], { samples, charted, deliveries, devices, mails }: Found): string[] => {
  const keysOf = (act: Act, outcome: Outcome): Set<string> => new Set(entries.filter((entry) => entry.act === act && entry.outcome === outcome).flatMap(({ keys }) => keys));
  const both = (act: Act) => [keysOf(act, 'sent'), keysOf(act, 'acknowledged')] as const;
  const alive = samples.filter(({ state }) => state !== 'deleted');
  const aliveKeys = new Set(alive.map(({ at }) => at));
  const points = new Set(charted);
  return [
    ...faultsOfKept('a sample', samples.map(({ at }) => at), ...both('upload')),
    ...told('an upload kept by half', halfUploads(entries, new Set(samples.map(({ at }) => at)))),
    ...told('a sample without result', alive.filter(({ state }) => state !== 'normalized').map(({ at, state }) => `${at} (${state})`)),
    ...told('a deleted sample there', keysOf('deletion', 'acknowledged').intersection(aliveKeys)),
    ...told('a sample deleted that nobody deleted', new Set(samples.filter(({ state }) => state === 'deleted').map(({ at }) => at)).difference(keysOf('deletion', 'sent'))),
    ...told('a sample not charted', aliveKeys.difference(points)),
    ...told('a point without a sample', points.difference(aliveKeys)),
    ...told('a point charted twice', repeated(charted)),
    ...faultsOfKept('a delivery', deliveries, ...both('delivery')),
    ...faultsOfKept('a device', devices, ...both('enrolment')),
    ...(mails === 0 ? told('a wish for a link without a mail', keysOf('reset wish', 'acknowledged')) : []),
    ...told('an answer that nobody declared', entries.filter(({ outcome }) => outcome === 'undeclared').map(({ act, answer = '' }) => `${act} ${answer}`)),
  ];
};
