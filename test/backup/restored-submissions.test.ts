import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandLineHere, printed } from '../cli/command-line.ts';
import { accessTokenOf, answered, clientWith, heartRate, service } from '../device-manager/client.ts';
import { eventually, isPost, startSubmitter, submitting, type Submission, type Submitter } from '../device-manager/submitting.ts';
import type { Fault } from '../players/therapy-monitoring.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';

const pace = { TMM_RETRY_SECONDS: 0.5, TMM_TIMEOUT_SECONDS: 10 };
/** What a detection met before the backup; undefined is uploaded after it, and once more after the restore. */
const situations: readonly (Fault | undefined)[] = ['no-such-path', 'busy', 'value-refusal', undefined];

let submitter: Submitter;
let elsewhere: TestDatabase;
let restored: TestVitalgate | undefined;
const folder = mkdtempSync(join(tmpdir(), 'vitalgate-restored-submissions-'));
const { plan, patient, upload, listed } = submitting(() => submitter);
beforeAll(async () => {
  [submitter, elsewhere] = [await startSubmitter(pace, { honoursKeys: false }), await createTestDatabase()];
}, 120_000);
afterAll(async () => {
  await restored?.stop();
  await submitter.stop();
  await elsewhere.drop();
  rmSync(folder, { recursive: true, force: true });
});

test('what waited or was parked at a backup, or came after it, and was delivered since is not delivered again after the restore to one that knows no idempotency keys', async () => {
  const { vitalgate, tmm, operator } = submitter;
  const people = await Promise.all(situations.map(async (fault) => ({ ...(await patient()), fault, sample: heartRate(0) })));
  for (const { patientId } of people) plan(patientId);
  tmm.fault = (one) => {
    const fault = people.find(({ patientId }) => one.url.searchParams.get('patientId') === patientId || one.bytes.includes(patientId))?.fault;
    return fault === 'no-such-path' || isPost(one) ? fault : undefined;
  };
  const refusedOnes = () => listed('&reason=value-refused');
  for (const { app, fault, sample } of people) if (fault !== undefined) await upload(app, [sample]);
  expect(await eventually(async () => [...(await listed('&state=waiting')), ...(await refusedOnes())], (rows) => rows.length === 3 && rows.every(({ reason }) => reason !== undefined))).toHaveLength(3);
  await printed(commandLineHere({ DATABASE_URL: vitalgate.database.url, DATA_DIR: vitalgate.dataDir }).run(['--json', 'backup', join(folder, 'backup.zip')]));

  tmm.fault = () => undefined;
  for (const { app, fault, sample } of people) if (fault === undefined) await upload(app, [sample]);
  await operator.post('/submissions/replay', {});
  await eventually(() => listed('&state=delivered'), (rows) => rows.length === people.length);
  const written = tmm.written.map(({ patientId }) => patientId).toSorted();
  expect(written).toEqual(people.map(({ patientId }) => patientId).toSorted());

  const place = { DATABASE_URL: elsewhere.url, DATA_DIR: mkdtempSync(join(folder, 'data-')), MASTER_KEY: readFileSync(join(vitalgate.dataDir, 'master-key'), 'utf8').trim() };
  await printed(commandLineHere(place).run(['--json', 'restore', join(folder, 'backup.zip'), '--without-erasure-journal']));
  const there = (restored = await startTestVitalgate({ ...place, TMM_SERVICE_URL: tmm.url, ...pace }, 'own-server'));
  const again = clientWith(there.urls.deviceManager, { authorization: `Bearer ${await accessTokenOf(there, 'operator')}` });
  for (const { patientId, fault, sample } of people) if (fault === undefined) await answered(service(there, patientId).post('/health-data/healthkit', [sample]));
  expect((await again.post('/submissions/replay', {})).status).toBe(202);
  const delivered = () => answered<Submission[]>(again.get('/submissions?state=delivered&_l=200'));
  expect(await eventually(delivered, (rows) => rows.length === people.length)).toHaveLength(people.length);
  expect(tmm.written.map(({ patientId }) => patientId).toSorted()).toEqual(written);
});
