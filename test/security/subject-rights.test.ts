import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createHash, randomUUID } from 'node:crypto';
import { fulfilRotations } from '../../src/device-manager/resealing.ts';
import { runExport } from '../../src/device-manager/patients/exporting.ts';
import { insertExport } from '../../src/device-manager/storage/patient-export-table.ts';
import { connectAccounts, type Accounts } from '../../src/device-manager/upstream/user-manager.ts';
import { wishRotation } from '../../src/keys/data-key-rotation.ts';
import { openKeys } from '../../src/keys/master-key-check.ts';
import { json } from '../players/answer.ts';
import { startAnsweringUpstream, type AnsweringUpstream } from '../players/answering-upstream.ts';
import { answered, clientWith, eventually, refused, service } from '../device-manager/client.ts';
import { unzipped } from '../setup/unzipped.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { deliver, plantPatient, settled, sharedBundle, withOtherKinds, type PlantedPatient } from './planted-patient.ts';

interface Export {
  readonly _id: string;
  readonly state: string;
  readonly sizeBytes: number;
  readonly sha256?: string;
}

interface Manifest {
  readonly patientId: string;
  readonly originals: number;
  readonly files: readonly { readonly name: string; readonly sizeBytes: number; readonly sha256: string; readonly records?: number }[];
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const linesOf = (file: Buffer | undefined): Record<string, unknown>[] => (file?.toString('utf8').split('\n') ?? []).filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, unknown>);
const foundIn = (haystack: string, { canaries }: PlantedPatient): string[] => Object.entries(canaries).filter(([, canary]) => haystack.includes(canary)).map(([name]) => name);

/** Asks for an archive as the person, and downloads it when it is ready. */
const exported = async ({ app }: PlantedPatient): Promise<{ row: Export; archive: Buffer }> => {
  const begun = await app.post('/exports');
  const { _id } = (await begun.json()) as Export;
  expect(begun.status).toBe(202);
  const row = await eventually(() => answered<Export>(app.get(`/exports/${_id}`)), ({ state }) => state === 'ready');
  const answer = await app.get(`/exports/${_id}/content`);
  return { row, archive: Buffer.from(await answer.arrayBuffer()) };
};

describe('H7 all of one person is handed out, and nothing of others', () => {
  let vitalgate: TestVitalgate;
  let patients: readonly [PlantedPatient, PlantedPatient, PlantedPatient];
  const archives = new Map<PlantedPatient, { row: Export; archive: Buffer; files: Map<string, Buffer> }>();

  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
    const { key } = await vitalgate.createWebhookKey();
    patients = [await withOtherKinds(await plantPatient(vitalgate)), await withOtherKinds(await plantPatient(vitalgate)), await withOtherKinds(await plantPatient(vitalgate))];
    for (const patient of patients) expect((await deliver(vitalgate, key, patient)).status).toBe(200);
    const sender = clientWith(vitalgate.urls.deviceManager, { 'x-api-key': key });
    const send = (body: object) => answered(sender.send('/health-data/medisante', { method: 'POST', headers: { 'content-type': 'application/fhir+json' }, body: JSON.stringify(body) }));
    await send(sharedBundle(patients));
    // Kept aside whole, and attributed reading by reading when it is asked for.
    await send(sharedBundle(patients, 'note that contradicts'));
    for (const patient of patients) await settled(vitalgate, patient, 9);
    for (const patient of patients) {
      const { row, archive } = await exported(patient);
      archives.set(patient, { row, archive, files: await unzipped(archive) });
    }
  }, 300_000);
  afterAll(() => vitalgate.stop());

  test('the archive of each has every canary of that person and none of the others', () => {
    for (const patient of patients) {
      const text = [...(archives.get(patient)?.files ?? [])].map(([name, bytes]) => `${name}\n${bytes.toString('utf8')}`).join('\n');
      expect(foundIn(text, patient)).toEqual(Object.keys(patient.canaries));
      for (const other of patients.filter((one) => one !== patient)) {
        expect(foundIn(text, other)).toEqual([]);
        expect(text).not.toContain(other.id);
      }
    }
  });

  test('the manifest names each file with its size, digest and number of records', () => {
    const [anna] = patients;
    const { row, archive, files } = archives.get(anna) ?? { files: new Map<string, Buffer>() };
    expect([row?.sizeBytes, row?.sha256]).toEqual([archive?.length, sha256(archive ?? Buffer.alloc(0))]);
    const manifest = JSON.parse(files.get('manifest.json')?.toString('utf8') ?? '{}') as Manifest;
    const listed = manifest.files.map(({ name }) => name);
    expect(listed).toEqual(['account.json', 'devices.ndjson', 'assignments.ndjson', 'records.ndjson', 'fhir.ndjson', 'submissions.ndjson', 'deletions.ndjson', 'refusals.ndjson', 'audit.ndjson', 'account-audit.ndjson', 'originals/index.ndjson']);
    for (const { name, sizeBytes, sha256: digest, records } of manifest.files) {
      const bytes = files.get(name) ?? Buffer.alloc(0);
      expect({ name, sizeBytes, digest }).toEqual({ name, sizeBytes: bytes.length, digest: sha256(bytes) });
      if (records !== undefined) expect({ name, records }).toEqual({ name, records: linesOf(bytes).length });
    }
    const index = linesOf(files.get('originals/index.ndjson'));
    expect([manifest.originals, manifest.patientId]).toEqual([index.length, anna.id]);
    for (const { name, sha256: digest } of index) expect(sha256(files.get(String(name)) ?? Buffer.alloc(0))).toBe(digest);
  });

  test('resources of FHIR have the clinical record as it is, and both audits are there', () => {
    for (const patient of patients) {
      const files = archives.get(patient)?.files ?? new Map<string, Buffer>();
      const kinds = new Set(linesOf(files.get('fhir.ndjson')).map(({ resourceType }) => resourceType));
      expect([...kinds].toSorted()).toEqual(['AllergyIntolerance', 'Device', 'Observation']);
      expect(files.get('fhir.ndjson')?.toString('utf8')).toContain(patient.canaries['text of the allergy']);
      expect(linesOf(files.get('audit.ndjson')).map(({ event }) => event)).toEqual(expect.arrayContaining(['samples-uploaded', 'device-assigned', 'patient-exported']));
      expect(linesOf(files.get('account-audit.ndjson')).map(({ event }) => event)).toEqual(expect.arrayContaining(['user-created', 'signed-in']));
    }
  });

  test('the originals that are uploaded again elsewhere become the same values', async () => {
    const [anna] = patients;
    const { files } = archives.get(anna) ?? { files: new Map<string, Buffer>() };
    const other = await vitalgate.addUser();
    const again = service(vitalgate, other.id);
    await answered(again.post('/devices/assign', { deviceId: 'other', deviceType: 'Wearable', deviceProvider: 'apple-healthkit', name: 'Other' }));
    const own = linesOf(files.get('originals/index.ndjson')).filter(({ format }) => format === 'healthkitstandard-json');
    expect(own.length).toBeGreaterThan(0);
    for (const { name } of own) {
      const items = (JSON.parse(files.get(String(name))?.toString('utf8') ?? '[]') as (Record<string, unknown> | null)[]).filter((item) => item !== null);
      await answered(again.post('/health-data/healthkit', items));
    }
    const values = (records: Record<string, unknown>[]) => records.map(({ normalizedData, recordedAt }) => ({ normalizedData, recordedAt }));
    const before = values(linesOf(files.get('records.ndjson')).filter(({ providerId }) => providerId === 'healthkit'));
    const after = await eventually(() => answered<Record<string, unknown>[]>(again.get('/health-data?_l=200')), (records) => records.every(({ state }) => state === 'normalized'));
    expect(values(after)).toEqual(before);
  });

  test('what is asked for of somebody else is refused, and what is not ready is not handed out', async () => {
    const [anna, ben] = patients;
    const of = archives.get(anna)?.row._id ?? '';
    expect(await refused(ben.app.get(`/exports/${of}`))).toMatchObject({ status: 404, code: 'not-found' });
    expect(await refused(ben.app.get(`/exports/${of}/content`))).toMatchObject({ status: 404, code: 'not-found' });
    expect(await refused(service(vitalgate, ben.id).get(`/patients/${anna.id}/exports/${of}/content`))).toMatchObject({ status: 403, code: 'not-your-data' });
    expect(await answered<Export>(anna.app.get('/export'))).toMatchObject({ _id: of, state: 'ready' });
    await vitalgate.database.pool.query(`update device_manager.patient_export set state = 'running' where _id = $1::uuid`, [of]);
    expect(await refused(anna.app.get(`/exports/${of}/content`))).toMatchObject({ status: 409, code: 'cannot-go-on' });
    await vitalgate.database.pool.query(`update device_manager.patient_export set state = 'ready', expires_at = now() where _id = $1::uuid`, [of]);
    expect(await refused(anna.app.get(`/exports/${of}`))).toMatchObject({ status: 404, code: 'not-found' });
    expect(await refused(anna.app.get('/export'))).toMatchObject({ status: 404, code: 'not-found' });
  });

  test('the name that the next holder gives a device that changes hands is not handed out to the one before', async () => {
    const [anna, ben] = patients;
    const cuff = { deviceId: 'shared-cuff', deviceType: 'Medical', deviceProvider: 'medisante' };
    await answered(anna.app.post('/devices/assign', { ...cuff, name: 'named-by-anna', assignedFrom: '2024-01-01T00:00:00Z' }));
    await anna.app.post('/devices/shared-cuff/unassign', { assignedUntil: '2024-02-01T00:00:00Z' });
    await answered(ben.app.post('/devices/assign', { ...cuff, name: 'named-by-ben' }));
    const everythingOf = async ({ id }: PlantedPatient) => (await service(vitalgate, id).get(`/fhir/Patient/${id}/$everything`)).text();
    expect(await everythingOf(ben)).toContain('named-by-ben');
    const ofAnna = await everythingOf(anna);
    expect(ofAnna).toContain('shared-cuff');
    expect(ofAnna).not.toContain('named-by-ben');
  });

  test('an archive that was cut off begins anew, and nothing of the first attempt is left', async () => {
    const [, ben] = patients;
    const { pool } = vitalgate.database;
    const { keyRing } = await openKeys(pool, { DATA_DIR: vitalgate.dataDir });
    const exportId = randomUUID().replaceAll('-', '');
    await insertExport(pool, { _id: exportId, patientId: ben.id, creator: 'test' });
    const archive = (pieces: readonly Buffer[], fails: boolean) => async function* (): AsyncGenerator<Buffer> {
      yield* pieces;
      await Promise.resolve();
      if (fails) throw new Error('killed');
    };
    const exporting = { pool, keyRing, days: 7, isStopping: () => false };
    const mebibyte = (byte: number) => Buffer.alloc(1024 * 1024, byte);
    await expect(runExport({ ...exporting, archive: archive([mebibyte(1), mebibyte(2)], true) }, ben.id, exportId)).rejects.toThrow('killed');
    expect(await answered<Export>(ben.app.get(`/exports/${exportId}`))).toMatchObject({ state: 'running', sizeBytes: 2 * 1024 * 1024 });
    await runExport({ ...exporting, archive: archive([mebibyte(3), Buffer.from('end')], false) }, ben.id, exportId);
    const row = await answered<Export>(ben.app.get(`/exports/${exportId}`));
    const bytes = Buffer.from(await (await ben.app.get(`/exports/${exportId}/content`)).arrayBuffer());
    expect([row.state, bytes.length, sha256(bytes)]).toEqual(['ready', 1024 * 1024 + 3, row.sha256]);
    expect(bytes.equals(Buffer.concat([mebibyte(3), Buffer.from('end')]))).toBe(true);
  });

  test('an archive is sealed anew when its patient gets another data key, and stays whole', async () => {
    const [, , carl] = patients;
    const { pool } = vitalgate.database;
    const { keyRing } = await openKeys(pool, { DATA_DIR: vitalgate.dataDir });
    await wishRotation(pool, `patient:${carl.id}`, 'test');
    const unreadable: string[] = [];
    await fulfilRotations({ pool, keyRing, onUnreadable: (where) => void unreadable.push(where), isStopping: () => false });
    const { rows } = await pool.query<{ generation: number }>('select min(device_manager.key_generation(body)) as generation from device_manager.patient_export_part where patient_id = $1', [carl.id]);
    expect([rows[0]?.generation, unreadable]).toEqual([2, []]);
    const { _id = '', sha256: digest } = archives.get(carl)?.row ?? {};
    expect(sha256(Buffer.from(await (await carl.app.get(`/exports/${_id}/content`)).arrayBuffer()))).toBe(digest);
  });

  test('the archive lies sealed: no canary is in its rows', async () => {
    const { rows } = await vitalgate.database.pool.query<{ body: Buffer }>('select body from device_manager.patient_export_part');
    expect(rows.length).toBeGreaterThan(2);
    const text = Buffer.concat(rows.map(({ body }) => body)).toString('latin1');
    expect(patients.flatMap((patient) => foundIn(text, patient))).toEqual([]);
    expect(text).not.toContain('manifest.json');
  });
});

describe('H7 the part of the account in what is handed out', () => {
  let userManager: AnsweringUpstream;
  let accounts: Accounts;
  beforeAll(async () => {
    userManager = await startAnsweringUpstream();
    accounts = connectAccounts(userManager.url, 'x'.repeat(32));
  });
  afterAll(async () => {
    await accounts.close();
    await userManager.stop();
  });
  const asked = () => Promise.allSettled([accounts.exportOf('anna'), accounts.auditOf('anna', undefined, 10)]);
  const fulfilled = (value: unknown) => ({ status: 'fulfilled', value });

  test.each<[string, number]>([
    ['does not take the service credential', 401], ['does not let the service', 403], ['does not understand', 400], ['has been asked too often', 429],
  ])('waits where the User Manager %s: nothing is left out', async (_situation, status) => {
    userManager.answer(json({}, status));
    const refusal = { status: 'rejected', reason: expect.objectContaining({ code: 'upstream-invalid' }) as unknown };
    expect(await asked()).toEqual([refusal, refusal]);
  });

  test.each<[string, number]>([['nobody has the id', 404], ['another vendor does not tell', 405]])('is left out where %s', async (_situation, status) => {
    userManager.answer(json({}, status));
    expect(await asked()).toEqual([fulfilled(undefined), fulfilled([])]);
  });
});
