import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeServerFile } from '../../src/server-file.ts';
import type { PrototypeSchema } from '../../src/therapy-monitoring/service.ts';
import { answered, eventually, heartRate, newPatient, service, watch } from '../device-manager/client.ts';
import { startTherapyMonitoring, type TherapyMonitoringPlayer } from '../players/therapy-monitoring.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { commandLineHere } from './command-line.ts';

describe('submissions on the command line', () => {
  const patientId = newPatient();
  let vitalgate: TestVitalgate;
  let tmm: TherapyMonitoringPlayer;
  let dataDir: string;
  const run = (words: readonly string[]) => commandLineHere({ DATA_DIR: dataDir }).run(words);
  const listed = async (...words: string[]) => JSON.parse((await run(['--json', 'submissions', 'list', ...words])).out) as { _id: string; state: string; reason: string | null }[];

  beforeAll(async () => {
    tmm = await startTherapyMonitoring();
    vitalgate = await startTestVitalgate({ TMM_SERVICE_URL: tmm.url });
    dataDir = mkdtempSync(join(tmpdir(), 'vitalgate-cli-submissions-'));
    writeServerFile(dataDir, { pid: process.pid, urls: {}, database: vitalgate.database.connection });
    tmm.readPrototypes(await answered<PrototypeSchema[]>(fetch(`${vitalgate.urls.deviceManager}/prototypes`)));
    tmm.addPlan({ _id: 'the-plan', planName: 'Pulse', prototypeId: 'heart-rate', patientId, doctorId: 'd', startDate: '2024-01-01T00:00:00.000Z' });
    tmm.fault = ({ method }) => (method === 'POST' ? 'value-refusal' : undefined);
    const app = service(vitalgate, patientId);
    await answered(app.post('/devices/assign', watch));
    await answered(app.post('/health-data/healthkit', [heartRate(0), heartRate(1), heartRate(2)]));
    await eventually(() => listed(), (rows) => rows.length === 3);
    tmm.fault = () => undefined;
  });
  afterAll(async () => {
    await vitalgate.stop();
    await tmm.kill();
    rmSync(dataDir, { recursive: true, force: true });
  });

  test('lists what is parked with its reason, by filter and by page', async () => {
    const { code, out } = await run(['submissions', 'list', '--reason', 'value-refused', '--patient', patientId, '--plan', 'the-plan']);
    expect([code, out.match(/value-refused/g)?.length]).toEqual([0, 3]);
    expect(await listed('--reason', 'nothing-else')).toEqual([]);
    const { told } = await run(['submissions', 'list', '--limit', '2']);
    expect(told).toMatch(/more than 2/);
  });

  test('replays one, then all that a filter means', async () => {
    const [first] = await listed();
    expect((await run(['submissions', 'replay', first?._id ?? ''])).out).toMatch(/^1 will be tried again/);
    await eventually(() => Promise.resolve(tmm.written.length), (written) => written === 1);
    expect((await run(['--json', 'submissions', 'replay', '--reason', 'value-refused'])).out).toBe('{"entries":2}\n');
    expect(await eventually(() => listed('--state', 'delivered'), (rows) => rows.length === 3)).toHaveLength(3);
    expect((await run(['submissions', 'replay', first?._id ?? ''])).code).toBe(1);
  });

  test.each<[string, number, string[]]>([['a submission nobody has', 3, ['replay', 'nobody']], ['a state nobody knows', 2, ['list', '--state', 'lost']]])('%s ends with exit code %d', async (_situation, code, words) => {
    expect((await run(['submissions', ...words])).code).toBe(code);
  });
});
