import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { eventually, service } from '../device-manager/client.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { appWith, type App, type Receipt } from '../bff/app.ts';

/** One line of the synthetic month: a sample with what the app asked for, or a deletion. */
interface Line {
  readonly type: string;
  readonly unit?: string | null;
  readonly sample?: { readonly id: string };
  readonly deleted?: { readonly uuid: string };
  readonly expect?: string;
}

const folder = join(import.meta.dirname, '..', 'fixtures', 'healthkit', 'generated');
const linesOf = (file: string): Line[] => gunzipSync(readFileSync(join(folder, file))).toString('utf8').trim().split('\n').map((line) => JSON.parse(line) as Line);
const manifest = JSON.parse(readFileSync(join(folder, 'MANIFEST.json'), 'utf8')) as { readonly 'rnh-30days.ndjson.gz': { readonly total: number }; readonly 'rnh-redelivery.ndjson.gz': Readonly<Record<'duplicates' | 'newVersions' | 'deletions', number>> };
const chunkSize = 1000;

let vitalgate: TestVitalgate;
beforeAll(async () => {
  vitalgate = await startTestVitalgate();
});
afterAll(() => vitalgate.stop());

interface Person {
  readonly app: App;
  readonly patientId: string;
}

const newPerson = async (): Promise<Person> => {
  const user = await vitalgate.addUser();
  const app = appWith(vitalgate.urls.bff, await vitalgate.signIn(user));
  await app.post('/devices/assign', { deviceId: 'watch', deviceType: 'Wearable', deviceProvider: 'apple-healthkit', name: 'Apple Watch' });
  return { app, patientId: user.id };
};

/** The query of one type; a percentage as a fraction is what react-native-health sends without being asked. */
const queryOf = ({ type, unit }: Line): string => new URLSearchParams({ type, ...(unit && unit !== '% as fraction' && { unit }) }).toString();

/** Uploads samples as an app does: one type and unit at a time, in chunks. Answers the sums of the receipts. */
const uploadAll = async ({ app }: Person, lines: readonly Line[]) => {
  const sums = { received: 0, created: 0, duplicates: 0, conflicts: 0, deleted: 0, rejected: 0 };
  for (const [query, all] of Map.groupBy(lines, queryOf)) {
    for (let from = 0; from < all.length; from += chunkSize) {
      const answer = await app.post(`/health-data?${query}`, all.slice(from, from + chunkSize).map(({ sample }) => sample));
      const receipt = (await answer.json()) as Receipt & { deleted: number };
      expect(receipt).toMatchObject({ anchor: { safeToAdvance: true } });
      for (const name of Object.keys(sums) as (keyof typeof sums)[]) sums[name] += receipt[name];
    }
  }
  return sums;
};

const idle = () => eventually(async () => (await vitalgate.database.pool.query('select from graphile_worker.jobs')).rowCount, (count) => count === 0);

/** What is kept and made of all samples of a person, without what differs between two people. */
const stateOf = async ({ patientId }: Person): Promise<string[]> => {
  const answer = await service(vitalgate, patientId).get('/health-data/export?_p=reason,rawDataType,recordedAt,normalizedData');
  const records = (await answer.text()).trim().split('\n').map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  return records.map(({ state, reason, recordedAt, rawDataType, normalizedData }) => JSON.stringify([state, reason, recordedAt, rawDataType, normalizedData])).sort();
};

test('a month, delivered again with edits and deletions, counts as its manifest says and ends as if it had been uploaded once', async () => {
  const month = linesOf('rnh-30days.ndjson.gz');
  const again = linesOf('rnh-redelivery.ndjson.gz');
  const samples = again.filter(({ sample }) => sample !== undefined);
  const uuids = again.flatMap(({ deleted }) => deleted?.uuid ?? []);
  const { total } = manifest['rnh-30days.ndjson.gz'];
  const { duplicates, newVersions, deletions } = manifest['rnh-redelivery.ndjson.gz'];
  const [person, clean] = [await newPerson(), await newPerson()];
  const nothing = { duplicates: 0, conflicts: 0, deleted: 0, rejected: 0 };
  expect(await uploadAll(person, month)).toEqual({ ...nothing, received: total, created: total });
  expect(await uploadAll(person, samples)).toEqual({ ...nothing, received: duplicates + newVersions, created: newVersions, duplicates });
  const removed = (await (await person.app.post('/health-data/deletions', { deletions: uuids.map((uuid) => ({ uuid })) })).json()) as { deleted: number };
  expect(removed).toMatchObject({ received: deletions, deleted: deletions, alreadyDeleted: 0, unknown: 0, rejected: 0 });
  // The samples that were edited name no sync identifier, so both versions stay; real phones tell of the older one as deleted.
  const gone = new Set(uuids);
  const once = [...month, ...samples.filter((line) => line.expect === 'new-version')].filter(({ sample }) => !gone.has(sample?.id ?? ''));
  expect(await uploadAll(clean, once)).toEqual({ ...nothing, received: once.length, created: once.length });
  await idle();
  const [state, expected] = [await stateOf(person), await stateOf(clean)];
  expect(state).toHaveLength(expected.length);
  expect(state).toEqual(expected);
  expect(await uploadAll(person, month.filter(({ sample }) => uuids.includes(sample?.id ?? '')))).toEqual({ ...nothing, received: deletions, created: 0, deleted: deletions });
}, 240_000);
