import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newPayloadId } from '../../src/device-manager/keeping.ts';
import { addToJournal, openErasureJournal, readJournal, type JournalEntry } from '../../src/device-manager/patients/erasure-journal.ts';
import { findErasure, runErasure, startErasure, type Erasing } from '../../src/device-manager/patients/erasing.ts';
import { quarantine } from '../../src/device-manager/storage/quarantine-table.ts';
import { addJob } from '../../src/jobs/runner.ts';
import { openKeys } from '../../src/keys/master-key-check.ts';
import type { KeyRing } from '../../src/keys/scope-keys.ts';
import { writeServerFile } from '../../src/server-file.ts';
import type { PrototypeSchema } from '../../src/therapy-monitoring/service.ts';
import { commandLineHere } from '../cli/command-line.ts';
import { answered, clientWith, cuff, eventually, newPatient, refused, service } from '../device-manager/client.ts';
import { bundle, loinc, observation, quantity } from '../device-manager/fhir-documents.ts';
import { startTherapyMonitoring, type TherapyMonitoringPlayer } from '../players/therapy-monitoring.ts';
import { unzipped } from '../setup/unzipped.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { deliver, plantPatient, settled, type PlantedPatient } from './planted-patient.ts';
import { dumpOf } from './traces.ts';

interface Erasure {
  readonly state: string;
  readonly certificate?: { readonly counts: Readonly<Record<string, number>>; readonly heldElsewhere: { readonly therapyMonitoring: number }; readonly destroyedKeys: readonly string[] };
}

describe('erasing and handing out, when things go wrong', () => {
  let vitalgate: TestVitalgate;
  let tmm: TherapyMonitoringPlayer;
  let keyRing: KeyRing;
  let erasing: Erasing;
  let cli: (words: readonly string[]) => Promise<{ code: number | null; out: string; told: string }>;
  let cliFolder: string;
  const act = { actor: 'test', requestId: 'test-request' };
  const tracesOf = async ({ canaries, id }: PlantedPatient): Promise<string[]> => {
    const dump = await dumpOf(vitalgate.database.pool);
    return [...Object.values(canaries), id].filter((trace) => dump.includes(trace));
  };
  const erasureOf = ({ id }: PlantedPatient) => answered<Erasure>(service(vitalgate).get(`/patients/${id}/erasure`));

  beforeAll(async () => {
    tmm = await startTherapyMonitoring();
    // Erasures are run here, step by step.
    vitalgate = await startTestVitalgate({ TMM_SERVICE_URL: tmm.url, JOBS: ['normalize', 'release-quarantine', 'submit-detections', 'password-reset-mail', 'erase-health-data', 'scrub-accounts'] });
    tmm.readPrototypes(await answered<PrototypeSchema[]>(fetch(`${vitalgate.urls.deviceManager}/prototypes`)));
    const { pool } = vitalgate.database;
    ({ keyRing } = await openKeys(vitalgate.database.pool, { DATA_DIR: vitalgate.dataDir }));
    erasing = { pool, keyRing, journal: openErasureJournal(join(vitalgate.dataDir, 'erasure-journal.ndjson'), pool, keyRing), eraseAccount: () => Promise.resolve({}), backupDays: 30 };
    cliFolder = mkdtempSync(join(tmpdir(), 'vitalgate-cli-patients-'));
    writeServerFile(cliFolder, { pid: process.pid, urls: {}, database: vitalgate.database.connection });
    cli = (words) => commandLineHere({ DATA_DIR: cliFolder, MASTER_KEY: readFileSync(join(vitalgate.dataDir, 'master-key'), 'utf8').trim() }).run(words);
  }, 120_000);
  afterAll(async () => {
    await vitalgate.stop();
    await tmm.kill();
    rmSync(cliFolder, { recursive: true, force: true });
  });

  test('H8 an erasure that is cut off goes on, and counts everything once; what the keys sealed cannot be read meanwhile', async () => {
    const { pool } = vitalgate.database;
    const anna = await plantPatient(vitalgate);
    await settled(vitalgate, anna, 1);
    const { _id } = await startErasure({ pool, keyRing }, { ...act, patientId: anna.id });
    expect(await answered(service(vitalgate, anna.id).get('/chart-data?normalizedDataType=heart-rate'))).toEqual([]);
    expect(JSON.stringify(await answered(service(vitalgate, anna.id).get('/health-data?_p=rawData,normalizedData')))).not.toContain(anna.canaries['upload value']);
    await pool.query(`create function public.breaks() returns trigger language plpgsql as $$ begin raise exception 'cut off'; end $$;
      create trigger breaks before delete on device_manager.series_chunk for each row execute function public.breaks()`);
    await expect(runErasure(erasing, _id)).rejects.toThrow('cut off');
    expect(await erasureOf(anna)).toMatchObject({ state: 'running' });
    await pool.query('drop trigger breaks on device_manager.series_chunk');
    await runErasure(erasing, _id);
    await runErasure(erasing, _id);
    const { state, certificate } = await erasureOf(anna);
    expect([state, certificate?.counts['samples'], certificate?.counts['payloads'], certificate?.counts['seriesChunks'], certificate?.destroyedKeys.length]).toEqual(['done', 2, 1, 1, 2]);
  }, 120_000);

  test('H8 a User Manager that cannot be reached keeps no rows, and the erasure is not done before it was', async () => {
    const { pool } = vitalgate.database;
    const ben = await plantPatient(vitalgate);
    const { _id } = await startErasure({ pool, keyRing }, { ...act, patientId: ben.id });
    await expect(runErasure({ ...erasing, eraseAccount: () => Promise.reject(new Error('not reached')) }, _id)).rejects.toThrow('not reached');
    expect((await pool.query('select from device_manager.sample where patient_id = $1', [ben.id])).rowCount).toBe(0);
    expect(await erasureOf(ben)).toMatchObject({ state: 'running' });
    await runErasure({ ...erasing, eraseAccount: () => Promise.resolve({ users: 1 }) }, _id);
    expect((await erasureOf(ben)).certificate?.counts).toMatchObject({ users: 1 });
  }, 120_000);

  test.each<[string, readonly string[], readonly string[]]>([
    ['both halves of a pressure, of which the first is kept', ['8480-6'], ['8480-6', '8462-4']],
    ['both halves of a pressure, of which the second is kept', ['8462-4'], ['8480-6', '8462-4']],
    ['one half of a pressure, of which both are kept', ['8480-6', '8462-4'], ['8462-4']],
  ])('H8 what waits of a device that nobody knows goes with the patient whose reading it corrects: %s', async (_situation, kept, waiting) => {
    const [{ pool }, patientId, device, run] = [vitalgate.database, newPatient(), `PRESSURE-${randomUUID()}`, randomUUID()];
    await answered(service(vitalgate, patientId).post('/devices/assign', { ...cuff(device), serialNumber: device, assignedFrom: '2024-01-01T00:00:00Z' }));
    const sender = clientWith(vitalgate.urls.deviceManager, { 'x-api-key': (await vitalgate.createWebhookKey()).key });
    const send = (codes: readonly string[], serialNumber: string, status: string) => answered(sender.post('/health-data/medisante', bundle('batch', codes.map((code) =>
      observation(loinc(code), serialNumber, '2024-03-02T09:10:00Z', { status, valueQuantity: quantity(80, 'mm[Hg]'), identifier: [{ system: 'urn:ids', value: `${code}-${run}` }] })))));
    await send(kept, device, 'final');
    await send(waiting, `UNKNOWN-${run}`, 'corrected');
    const ofNobody = async () => (await pool.query('select from device_manager.quarantined_delivery where device_identifiers && $1', [[`UNKNOWN-${run}`]])).rowCount;
    expect(await ofNobody()).toBe(1);
    await runErasure(erasing, (await startErasure({ pool, keyRing }, { ...act, patientId }))._id);
    expect(await ofNobody()).toBe(0);
  }, 120_000);

  test.each<[string, (id: string) => [string, unknown[]]]>([
    ['its bytes were changed', (id) => ['update device_manager.quarantined_delivery set body = set_byte(body, 40, get_byte(body, 40) # 1) where payload_id = $1::uuid', [id]]],
    ['its key was changed', (id) => ['update device_manager_keys.data_key set wrapped_key = set_byte(wrapped_key, 40, get_byte(wrapped_key, 40) # 1) where scope = $1', [`quarantine:${id}`]]],
  ])('H7, H8 a delivery that waits and does not open, because %s, stops nobody from being handed out and erased, and is told by its identifier', async (_situation, damage) => {
    const { pool } = vitalgate.database;
    const hanna = await plantPatient(vitalgate);
    const payloadId = newPayloadId();
    const delivery = { payloadId, sender: 'test', correlationId: payloadId, sampleId: newPayloadId(), format: 'fhir-json', identifiers: [], reason: 'unsupported-bundle', bytes: Buffer.from('{}'), receivedAt: new Date() } as const;
    await quarantine(pool, await keyRing.keysOf(pool, `quarantine:${payloadId}`), delivery);
    await pool.query(...damage(payloadId));
    const out = join(cliFolder, `${payloadId}.zip`);
    expect(await cli(['patients', 'export', '--user', hanna.user.username, '--out', out])).toMatchObject({ code: 0, told: expect.stringContaining(payloadId) });
    expect((await unzipped(readFileSync(out))).has('originals/index.ndjson')).toBe(true);
    const passedOver: string[] = [];
    await runErasure({ ...erasing, onUnreadable: (id) => void passedOver.push(id) }, (await startErasure({ pool, keyRing }, { ...act, patientId: hanna.id }))._id);
    expect([(await erasureOf(hanna)).state, passedOver]).toEqual(['done', [payloadId]]);
    await pool.query('delete from device_manager.quarantined_delivery where payload_id = $1::uuid', [payloadId]);
  }, 120_000);

  test('H8 deleting a user has the patient erased; soft deletion does not', async () => {
    const { pool } = vitalgate.database;
    const carl = await plantPatient(vitalgate);
    const asService = clientWith(vitalgate.urls.userManager, { authorization: `Bearer ${vitalgate.serviceToken}` });
    expect((await asService.post(`/users/${carl.id}/soft-delete`)).status).toBe(204);
    expect(await findErasure({ pool, keyRing }, carl.id)).toBeUndefined();
    expect((await asService.send(`/users/${carl.id}`, { method: 'DELETE' })).status).toBe(204);
    const begun = await eventually(() => findErasure({ pool, keyRing }, carl.id), (found) => found !== undefined);
    expect(begun?.counts).toMatchObject({ users: 1 });
    await runErasure(erasing, begun?._id ?? '');
    await eventually(async () => (await pool.query(`select from graphile_worker.jobs where task_identifier in ('erase-health-data', 'scrub-accounts')`)).rowCount, (jobs) => jobs === 0);
    expect((await tracesOf(carl)).filter((trace) => trace !== carl.id)).toEqual([]);
    expect((await asService.send(`/users/${carl.id}`, { method: 'DELETE' })).status).toBe(404);
  }, 120_000);

  /** A job that somebody works on, who lives, until the answer is called. */
  const underWay = async (task: string, payload: Readonly<Record<string, string>>): Promise<() => Promise<void>> => {
    const { pool } = vitalgate.database;
    await addJob(pool, { task, payload, key: 'under-way', runAt: new Date(Date.now() + 3_600_000) });
    const worker = await pool.connect();
    await worker.query(`select pg_advisory_lock_shared(hashtextextended('vitalgate worker somebody', 0))`);
    await pool.query(`update graphile_worker._private_jobs set locked_at = now(), locked_by = 'somebody' where key = 'under-way'`);
    return async () => {
      await pool.query(`delete from graphile_worker._private_jobs where key = 'under-way'`);
      worker.release(true);
    };
  };
  const waitingFor = async (id: string): Promise<string[]> =>
    (await vitalgate.database.pool.query<{ task: string }>(`select task_identifier as task from graphile_worker.jobs natural join (select id, payload from graphile_worker._private_jobs) p where locked_at is null and p.payload::text like '%' || $1 || '%' order by 1`, [id])).rows.map(({ task }) => task);

  test('H8 a user cannot be deleted while a mail to them is under way: nothing is gone then, and again it is done', async () => {
    const fritz = await plantPatient(vitalgate);
    const asService = clientWith(vitalgate.urls.userManager, { authorization: `Bearer ${vitalgate.serviceToken}` });
    const later = new Date(Date.now() + 3_600_000);
    await addJob(vitalgate.database.pool, { task: 'normalize', payload: { patientId: fritz.id, payloadId: randomUUID() }, runAt: later });
    await addJob(vitalgate.database.pool, { task: 'password-changed-mail', payload: { userId: fritz.id }, runAt: later });
    const end = await underWay('password-reset-mail', { userId: fritz.id });
    try {
      const answer = await asService.send(`/users/${fritz.id}`, { method: 'DELETE' });
      expect([answer.status, answer.headers.has('retry-after'), await answer.json()]).toEqual([503, true, expect.objectContaining({ code: 'unavailable', retryable: true })]);
      expect(await waitingFor(fritz.id)).toEqual(expect.arrayContaining(['normalize', 'password-changed-mail']));
      expect((await fritz.app.get('/profile')).status).toBe(200);
    } finally {
      await end();
    }
    expect((await asService.send(`/users/${fritz.id}`, { method: 'DELETE' })).status).toBe(204);
    expect((await waitingFor(fritz.id)).filter((task) => task !== 'erase-health-data')).toEqual(['normalize']);
  }, 120_000);

  test('H8 a long export keeps no user from being deleted, and the jobs of the other service are there until the erasure of the patient takes them', async () => {
    const { pool } = vitalgate.database;
    const gerda = await plantPatient(vitalgate);
    await settled(vitalgate, gerda, 1);
    await addJob(pool, { task: 'normalize', payload: { patientId: gerda.id, payloadId: randomUUID() }, runAt: new Date(Date.now() + 3_600_000) });
    const end = await underWay('export-patient', { patientId: gerda.id, exportId: randomUUID() });
    try {
      expect((await clientWith(vitalgate.urls.userManager, { authorization: `Bearer ${vitalgate.serviceToken}` }).send(`/users/${gerda.id}`, { method: 'DELETE' })).status).toBe(204);
      expect((await waitingFor(gerda.id)).filter((task) => task !== 'erase-health-data')).toEqual(['normalize']);
    } finally {
      await end();
    }
    const begun = await eventually(() => findErasure({ pool, keyRing }, gerda.id), (found) => found !== undefined);
    await runErasure(erasing, begun?._id ?? '');
    expect(await eventually(() => waitingFor(gerda.id), (tasks) => tasks.length === 0)).toEqual([]);
  }, 120_000);

  test('H7, H8 the command line exports, asks for a confirmation, erases, and prints the certificate', async () => {
    const dora = await plantPatient(vitalgate);
    await settled(vitalgate, dora, 1);
    const out = join(cliFolder, 'dora.zip');
    expect(await cli(['patients', 'export', '--user', dora.user.username, '--out', out])).toMatchObject({ code: 0 });
    expect((statSync(out).mode & 0o777).toString(8)).toBe('600');
    const text = [...(await unzipped(readFileSync(out))).values()].join('\n');
    expect(['username', 'email', 'upload value', 'upload note', 'source'].filter((name) => !text.includes(dora.canaries[name] ?? '?'))).toEqual([]);
    expect(await cli(['patients', 'erase', '--user', dora.user.username, '--confirm', 'dora'])).toMatchObject({ code: 2, told: expect.stringContaining('nothing was erased') });
    expect(await cli(['patients', 'erase', '--user', 'nobody-at-all', '--confirm', 'nobody-at-all'])).toMatchObject({ code: 3 });
    const { code, out: printed } = await cli(['--json', 'patients', 'erase', '--user', dora.user.username, '--confirm', dora.user.username]);
    const certificate = JSON.parse(printed) as { counts: Record<string, number>; requestedBy: string };
    expect([code, certificate.requestedBy, certificate.counts['users'], certificate.counts['samples']]).toEqual([0, 'vitalgate', 1, 2]);
    expect(await tracesOf(dora)).toEqual([]);
    const listed = await cli(['patients', 'erasures']);
    expect(listed.out.trim().split('\n').length).toBeGreaterThanOrEqual(1);
    expect(listed.out).not.toContain(dora.id);
    const foreign = join(cliFolder, 'foreign.ndjson');
    writeFileSync(foreign, listed.out.replaceAll(/"installation":"[0-9a-f]{16}"/g, '"installation":"0000000000000000"'));
    expect(await cli(['patients', 'apply-erasures', '--journal', foreign])).toMatchObject({ code: 1, told: expect.stringContaining('another installation') });
    writeFileSync(foreign, 'no journal');
    expect(await cli(['patients', 'apply-erasures', '--journal', foreign])).toMatchObject({ code: 2 });
  }, 120_000);

  test('H10 the Therapy and Monitoring Manager is told value, device and plan, and nothing else of the person; the certificate says that it has them', async () => {
    const emma = await plantPatient(vitalgate);
    tmm.addPlan({ _id: 'plan-of-emma', planName: 'Pulse', prototypeId: 'heart-rate', patientId: emma.id, doctorId: 'd', startDate: '2000-01-01' });
    const { key } = await vitalgate.createWebhookKey(`sender-${emma.id.slice(0, 8)}`);
    await deliver(vitalgate, key, emma);
    await settled(vitalgate, emma, 0);
    await service(vitalgate, emma.id).post(`/health-data/${(await answered<{ _id: string; normalizedDataType?: string }[]>(service(vitalgate, emma.id).get('/health-data?_l=200&normalizedDataType=heart-rate')))[0]?._id ?? ''}/detections`);
    await eventually(() => Promise.resolve(tmm.written.length), (written) => written > 0);
    expect(tmm.written.length).toBeGreaterThan(0);
    const told = tmm.arrived.map(({ url, headers, bytes }) => `${url.href}\n${JSON.stringify(headers)}\n${bytes.toString('utf8')}`).join('\n');
    expect(told).toContain(emma.canaries['upload value']);
    const needless = ['username', 'email', 'upload note', 'source', 'name of the phone', 'name of the meter', 'delivery note'];
    expect(needless.filter((name) => told.includes(emma.canaries[name] ?? '?'))).toEqual([]);
    const { rows } = await vitalgate.database.pool.query<{ row: string }>(`select t::text as row from device_manager.audit_event t union all select t::text from device_manager.device t`);
    expect(rows.some(({ row }) => row.includes(emma.canaries['username'] ?? '?') || row.includes(emma.canaries['email'] ?? '?'))).toBe(false);
    const { _id } = await startErasure(erasing, { ...act, patientId: emma.id });
    await runErasure(erasing, _id);
    expect((await erasureOf(emma)).certificate?.heldElsewhere.therapyMonitoring).toBeGreaterThan(0);
    expect(await refused(service(vitalgate, emma.id).post('/health-data/deletions', { deletions: [{ uuid: 'B9480B59-3A05-416C-97CF-E0DE431ADCB5' }] }))).toMatchObject({ status: 410 });
  }, 120_000);

  test('H10 the certificate counts also a detection of which nobody knows whether the Therapy and Monitoring Manager has it', async () => {
    const frida = await plantPatient(vitalgate);
    tmm.addPlan({ _id: 'plan-of-frida', planName: 'Pulse', prototypeId: 'heart-rate', patientId: frida.id, doctorId: 'd', startDate: '2000-01-01' });
    tmm.fault = ({ method, url, bytes }) => (method === 'POST' && bytes.includes(frida.id) ? 'error-after' : url.searchParams.get('planId') === 'plan-of-frida' ? 'error' : undefined);
    await answered(frida.app.post('/health-data', [{ id: randomUUID(), type: 'HeartRate', unit: 'bpm', value: 71, startDate: '2024-03-02T10:00:00Z', endDate: '2024-03-02T10:00:00Z', sourceName: 'watch' }]));
    const isWritten = () => Promise.resolve(tmm.written.some(({ planId }) => planId === 'plan-of-frida'));
    expect(await eventually(isWritten, (is) => is)).toBe(true);
    const { _id } = await startErasure(erasing, { ...act, patientId: frida.id });
    await runErasure(erasing, _id);
    tmm.fault = () => undefined;
    expect((await erasureOf(frida)).certificate?.heldElsewhere.therapyMonitoring).toBeGreaterThan(0);
  }, 120_000);
});

describe('H8 the erasure journal after a line was cut off while it was written', () => {
  const entryOf = (digit: string): JournalEntry => ({ version: 1, installation: 'a'.repeat(16), pseudonym: digit.repeat(64), erasedAt: '2026-11-27T00:00:00.000Z' });
  const [first, second, third] = [entryOf('1'), entryOf('2'), entryOf('3')];
  const lineOf = (entry: JournalEntry) => `${JSON.stringify(entry)}\n`;
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vitalgate-journal-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each<[string, string]>([
    ['nowhere', ''], ['at its first character', '{'], ['in its middle', lineOf(second).slice(0, 50)], ['before its end', lineOf(second).slice(0, -2)], ['before the end of the line', lineOf(second).slice(0, -1)],
    ['where zeros are on the disk in place of the rest', `${lineOf(second).slice(0, 50)}${'\0'.repeat(40)}`], ['where zeros are in place of all of it', '\0'.repeat(40)],
  ])('%s: it is read without it, has it once when it is written again, and grows', async (situation, rest) => {
    const path = join(folder, `${situation}.ndjson`);
    writeFileSync(path, lineOf(first) + rest);
    expect(readJournal(readFileSync(path, 'utf8'))).toEqual(rest === lineOf(second).slice(0, -1) ? [first, second] : [first]);
    await addToJournal(path, [second]);
    await addToJournal(path, [third]);
    expect(readFileSync(path, 'utf8')).toBe([first, second, third].map(lineOf).join(''));
  });

  test('a last line without its end that is whole stays, whoever is added', async () => {
    const path = join(folder, 'by-hand.ndjson');
    writeFileSync(path, lineOf(first).trimEnd());
    await addToJournal(path, [second]);
    expect(readJournal(readFileSync(path, 'utf8'))).toEqual([first, second]);
  });

  test.each<[string, string]>([['in the middle', lineOf(first).slice(0, 50) + lineOf(second)], ['at the end of which there is a line', `${lineOf(first).slice(0, 50)}\n`], ['that is of something else', 'no journal']])('what is no entry, %s, is a fault', (_situation, text) => {
    expect(() => readJournal(text)).toThrow('is no entry of an erasure');
  });
});
