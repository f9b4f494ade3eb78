import type { Queryable } from '../database/pool.ts';
import { addJob } from '../jobs/runner.ts';
import { standingsOf, standingsOfNumbered, type Standing, type Version } from './domain/version.ts';
import { addVersionCheck } from './keeping.ts';
import { waitingUnder } from './storage/quarantine-table.ts';
import type { SampleRow } from './storage/sample-table.ts';
import { versionsOf, type VersionRow } from './storage/version-table.ts';

const versionOf = (row: VersionRow): Version => ({
  _id: row._id, status: row.status as Version['status'], named: row.identity.startsWith('identifier:'),
  issuedAt: row.issued_at?.getTime(), receivedAt: row.received_at.getTime(),
});

const standingsOfReading = (rows: readonly VersionRow[]): Map<string, Standing> => {
  const numbered = rows.flatMap(({ _id, version_number: number, received_at }) => (number === null ? [] : [{ _id, number, receivedAt: received_at.getTime() }]));
  return numbered.length > 0 ? standingsOfNumbered(numbered) : standingsOf(rows.map(versionOf));
};

/** Whether the state of a version says what it counts for. */
const agrees = ({ state, reason }: VersionRow, standing: Standing | undefined): boolean => {
  // A deleted version still tells which one is the highest, but nothing brings it back.
  if (state === 'deleted') return true;
  if (standing?.state === 'conflicting') return state === 'normalization-failed' && reason === standing.reason;
  if (standing === undefined || standing.state === 'current') return state !== 'superseded' && state !== 'withdrawn' && reason !== 'conflicting-reading';
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
export const settle = async <Sample extends SampleRow>(db: Queryable, samples: readonly Sample[]): Promise<Settlement<Sample>> => {
  const identities = [...new Set(samples.flatMap(({ identity }) => identity ?? []))];
  if (identities.length === 0) return { standings: new Map(), changed: samples };
  const rows = await versionsOf(db, identities);
  const standings = new Map(Object.values(Object.groupBy(rows, ({ identity }) => identity)).flatMap((group = []) => [...standingsOfReading(group)]));
  const stale = new Set(rows.filter((row) => !agrees(row, standings.get(row._id))).map(({ _id }) => _id));
  const changed = samples.filter(({ _id, state }) => state === 'received' || stale.has(_id));
  const own = new Set(samples.map(({ _id }) => _id));
  const others = new Map(rows.filter(({ _id }) => stale.has(_id) && !own.has(_id)).map((row) => [row.payload_id, row.patient_id]));
  for (const [payloadId, patientId] of [...others].sort(([a], [b]) => (a < b ? -1 : 1))) await addVersionCheck(db, patientId, payloadId);
  for (const payloadId of await waitingUnder(db, identities)) await addJob(db, { task: 'release-quarantine', payload: { payloadId } });
  return { standings, changed };
};
