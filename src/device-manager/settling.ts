import type { Queryable } from '../database/pool.ts';
import { addJob } from '../jobs/runner.ts';
import { standingsOf, type Standing, type Version } from './domain/version.ts';
import { addNormalization } from './keeping.ts';
import { waitingUnder } from './storage/quarantine-table.ts';
import type { SampleRow } from './storage/sample-table.ts';
import { reopenSample, versionsOf, type VersionRow } from './storage/version-table.ts';

const versionOf = (row: VersionRow): Version => ({
  _id: row._id, status: row.status as Version['status'], named: row.identity.startsWith('identifier:'),
  issuedAt: row.issued_at?.getTime(), receivedAt: row.received_at.getTime(),
});

/** Whether the state of a version says what it counts for. */
const agrees = (state: string, standing: Standing | undefined): boolean => {
  if (standing?.state === 'conflicting') return state === 'normalization-failed';
  if (standing === undefined || standing.state === 'current') return state !== 'superseded' && state !== 'withdrawn';
  return state === standing.state;
};

/**
 * What samples count for beside the other versions of their readings, by identifier; a sample without versions is not among them. Other
 * versions that must change are sent to be normalized again, and withdrawals in quarantine that can now be attributed are looked at.
 * What comes out does not depend on the order in which versions came.
 */
export const settle = async (db: Queryable, samples: readonly SampleRow[]): Promise<Map<string, Standing>> => {
  const identities = [...new Set(samples.flatMap(({ identity }) => identity ?? []))];
  if (identities.length === 0) return new Map();
  const rows = await versionsOf(db, identities);
  const standings = new Map(Object.values(Object.groupBy(rows, ({ identity }) => identity)).flatMap((group = []) => [...standingsOf(group.map(versionOf))]));
  const own = new Set(samples.map(({ _id }) => _id));
  const stale = rows.filter(({ _id, state }) => !own.has(_id) && !agrees(state, standings.get(_id)));
  for (const row of stale.sort((a, b) => (a._id < b._id ? -1 : 1))) {
    await reopenSample(db, row);
    await addNormalization(db, row.patient_id, row.payload_id);
  }
  for (const payloadId of await waitingUnder(db, identities)) await addJob(db, { task: 'release-quarantine', payload: { payloadId } });
  return standings;
};
