import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { startProgram, temporaryDirectory, type Program } from '../../scripts/demo/program.ts';
import { answered, clientWith, eventually, type Client } from '../device-manager/client.ts';
import { unzipped } from '../setup/unzipped.ts';
import { heartRates, killNode } from './app.ts';

const payloads = 24;
const samplesPerPayload = 500;

interface Export {
  readonly _id: string;
  readonly state: string;
  readonly sizeBytes: number;
  readonly sha256?: string;
}

interface Erasure {
  readonly state: string;
  readonly certificate?: { readonly counts: Readonly<Record<string, number>> };
}

describe('jobs about all of one patient, killed in the middle', () => {
  const directory = temporaryDirectory();
  const patientId = randomUUID().replaceAll('-', '');
  let program: Program;
  const asService = (): Client => clientWith(program.demo.deviceManager, { authorization: `Bearer ${program.demo.serviceToken}`, miauserid: patientId });
  const restart = async (): Promise<void> => {
    await killNode(program);
    program = await startProgram(directory.path, {});
  };
  /** Notes that cannot be compressed, so that the archive has many pieces. */
  const upload = async (second: number): Promise<void> => {
    const samples = heartRates(second, samplesPerPayload).map((sample) => ({ ...sample, metadata: { note: randomBytes(150).toString('base64') } }));
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(samples) };
    expect((await asService().send('/health-data/healthkit?type=HeartRate&unit=bpm', init)).status).toBe(200);
  };

  beforeAll(async () => {
    program = await startProgram(directory.path, {});
    await answered(asService().post('/devices/assign', { deviceId: 'watch', deviceType: 'Wearable', deviceProvider: 'apple-healthkit', name: 'Watch' }));
    for (let payload = 0; payload < payloads; payload += 1) await upload(payload * samplesPerPayload);
  });
  afterAll(async () => {
    try {
      await program.stop();
    } finally {
      directory.remove();
    }
  });

  test('H7 an export ends complete after kill -9', async () => {
    const { _id } = (await (await asService().post(`/patients/${patientId}/exports`)).json()) as Export;
    const read = () => answered<Export>(asService().get(`/patients/${patientId}/exports/${_id}`));
    const halfway = await eventually(read, ({ state, sizeBytes }) => state !== 'waiting' && sizeBytes > 0);
    expect(halfway.state).toBe('running');
    await restart();
    const row = await eventually(read, ({ state }) => state === 'ready' || state === 'failed');
    const archive = Buffer.from(await (await asService().get(`/patients/${patientId}/exports/${_id}/content`)).arrayBuffer());
    expect(row).toMatchObject({ state: 'ready', sizeBytes: archive.length, sha256: createHash('sha256').update(archive).digest('hex') });
    const files = await unzipped(archive);
    expect([...files.keys()].filter((name) => /^originals\/.*\.json$/.test(name))).toHaveLength(payloads);
    expect(files.get('records.ndjson')?.toString('utf8').trim().split('\n')).toHaveLength(payloads * samplesPerPayload);
  });

  test('H8 an erasure ends with everything counted once after kill -9', async () => {
    expect((await asService().post(`/patients/${patientId}/erasure`, { confirm: patientId })).status).toBe(202);
    await restart();
    const read = () => answered<Erasure>(asService().get(`/patients/${patientId}/erasure`));
    const { state, certificate } = await eventually(read, (erasure) => erasure.state === 'done');
    expect([state, certificate?.counts['samples'], certificate?.counts['payloads']]).toEqual(['done', payloads * samplesPerPayload, payloads]);
  });
});
