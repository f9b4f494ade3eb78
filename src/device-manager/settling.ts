import type { Queryable } from '../database/pool.ts';
import { addJob } from '../jobs/runner.ts';
import { mayBeLatest, namesIn, SMALLER_TOTAL, standingOfPair, standingsOf, standingsOfNumbered, standingsOfTotals, type Standing, type Total, type Version } from './domain/version.ts';
import { addVersionCheck } from './keeping.ts';
import { isTotalName } from './naming-versions.ts';
import { emptiedAmong } from './storage/payload-table.ts';
import { waitingUnder } from './storage/quarantine-table.ts';
import type { SampleRow } from './storage/sample-table.ts';
import { identitiesWith, versionsOf, type VersionRow } from './storage/version-table.ts';

const versionOf = (row: VersionRow, name: string): Version => ({
  _id: row._id, status: row.status as Version['status'], named: name.startsWith('identifier:'),
  issuedAt: (name === namesIn(row.identity)[1] ? row.other_issued_at : row.issued_at)?.getTime(), receivedAt: row.received_at.getTime(),
});

const totalsOf = (rows: readonly VersionRow[]): Total[] =>
  rows.map(({ _id, device, version_number: readAfter, received_at }) => ({ _id, device, readAfter: readAfter ?? -Infinity, receivedAt: received_at.getTime() }));

/** How much totals say, by identifier; those of which nobody can tell are left out. */
export type Amounts = (totals: readonly VersionRow[]) => Promise<ReadonlyMap<string, number>>;

/**
 * Totals of which the amount decides, because either may be the later. What was found smaller than the one that counts is not asked again
 * while that counts, so that a new reading costs the same after a thousand others.
 */
export const contended = (groups: ReadonlyMap<string, readonly VersionRow[]>): VersionRow[] =>
  [...groups].flatMap(([identity, all]) => {
    const latest = isTotalName(identity) ? new Set(mayBeLatest(totalsOf(all)).map(({ _id }) => _id)) : new Set();
    const rows = all.filter(({ _id }) => latest.has(_id));
    const isCounting = rows.some(({ state }) => state !== 'received' && state !== 'superseded');
    const asked = isCounting ? rows.filter(({ reason }) => reason !== SMALLER_TOTAL) : rows;
    return asked.length < 2 ? [] : asked;
  });

const standingsOfReading = (name: string, rows: readonly VersionRow[], amounts: ReadonlyMap<string, number>): Map<string, Standing> => {
  if (isTotalName(name)) return standingsOfTotals(totalsOf(rows), amounts);
  const numbered = rows.flatMap(({ _id, version_number: number, received_at }) => (number === null ? [] : [{ _id, number, receivedAt: received_at.getTime() }]));
  return numbered.length > 0 ? standingsOfNumbered(numbered) : standingsOf(rows.map((row) => versionOf(row, name)));
};

/** Of versions all of whose names are among some: two names have each a standing. */
const standingsUnder = (names: ReadonlySet<string>, rows: readonly VersionRow[], amounts: ReadonlyMap<string, number>): Map<string, Standing> => {
  const readings = Map.groupBy(rows.flatMap((row) => namesIn(row.identity).map((name) => ({ name, row }))), ({ name }) => name);
  const byName = new Map([...readings].map(([name, all]) => [name, standingsOfReading(name, all.map(({ row }) => row), amounts)]));
  return new Map(rows.flatMap(({ _id, identity }): [string, Standing][] => {
    const own = namesIn(identity);
    const [first, second] = own.flatMap((name) => byName.get(name)?.get(_id) ?? []);
    return first && own.every((name) => names.has(name)) ? [[_id, second ? standingOfPair(first, second) : first]] : [];
  }));
};

/** Versions of readings with some names, and of those they came together with, whose names are told as well. */
const relatedVersions = async (db: Queryable, own: readonly string[]): Promise<{ names: ReadonlySet<string>; rows: readonly VersionRow[] }> => {
  const found = await identitiesWith(db, own);
  const names = new Set(found.flatMap(namesIn));
  return { names, rows: await versionsOf(db, names.size === own.length ? found : await identitiesWith(db, [...names])) };
};

/** Whether the state of a version says what it counts for. */
const agrees = ({ identity, state, reason, left_out: leftOut }: VersionRow, standing: Standing): boolean => {
  // A deleted version still tells which one is the highest, but nothing brings it back.
  if (state === 'deleted') return true;
  if (standing.state === 'conflicting') return state === 'normalization-failed' && reason === standing.reason;
  // Of a total that does not count it is the same why.
  if (standing.state === 'superseded' && state === 'superseded' && isTotalName(identity)) return true;
  if (standing.state === 'current') return state !== 'superseded' && state !== 'withdrawn' && reason !== 'conflicting-reading' && (leftOut ?? undefined) === standing.leftOut;
  return state === standing.state && reason === standing.reason;
};

/** What samples count for beside the other versions of their readings. */
export interface Settlement<Sample extends SampleRow> {
  /** By identifier; a sample without versions is not among them. */
  readonly standings: ReadonlyMap<string, Standing>;
  /** Those of the samples whose state says something else, which are all that have just been received. */
  readonly changed: readonly Sample[];
}

/**
 * Compares samples with the other versions of their readings. Payloads with other versions that must change are sent to be looked at
 * again, each under the lock of its own patient; so are withdrawals in quarantine that can now be attributed. What comes out in the end
 * does not depend on the order in which versions came.
 */
export const settle = async <Sample extends SampleRow>(db: Queryable, samples: readonly Sample[], amountsOf: Amounts): Promise<Settlement<Sample>> => {
  const identities = [...new Set(samples.flatMap(({ identity }) => identity ?? []))];
  if (identities.length === 0) return { standings: new Map(), changed: samples };
  const { names, rows } = await relatedVersions(db, [...new Set(identities.flatMap(namesIn))]);
  const asked = contended(Map.groupBy(rows, ({ identity }) => identity));
  const amounts = asked.length === 0 ? new Map<string, number>() : await amountsOf(asked);
  const standings = standingsUnder(names, rows, amounts);
  const stale = new Set(rows.filter(({ _id }) => standings.has(_id)).filter((row) => !agrees(row, standings.get(row._id) ?? { state: 'current' })).map(({ _id }) => _id));
  const changed = samples.filter(({ _id, state }) => state === 'received' || stale.has(_id));
  const own = new Set(samples.map(({ _id }) => _id));
  const others = new Map(rows.filter(({ _id }) => stale.has(_id) && !own.has(_id)).map((row) => [row.payload_id, row.patient_id]));
  const restored = new Set(rows.filter(({ _id }) => standings.get(_id)?.state === 'current').map((row) => row.payload_id));
  // Nothing can be made anew of what is kept no more, and two of those would send each other to be looked at for ever.
  for (const payloadId of await emptiedAmong(db, [...others].filter(([payloadId]) => restored.has(payloadId)))) others.delete(payloadId);
  for (const [payloadId, patientId] of [...others].sort(([a], [b]) => (a < b ? -1 : 1))) await addVersionCheck(db, patientId, payloadId);
  for (const payloadId of await waitingUnder(db, [...names])) await addJob(db, { task: 'release-quarantine', payload: { payloadId } });
  return { standings, changed };
};
