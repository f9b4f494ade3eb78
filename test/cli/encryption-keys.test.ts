import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { masterKeyOf } from '../../src/keys/master-key.ts';
import { noteMasterKey } from '../../src/keys/scope-key-table.ts';
import { writeServerFile } from '../../src/server-file.ts';
import { answered, eventually, heartRate, service, watch } from '../device-manager/client.ts';
import { startTestVitalgate, type TestUser, type TestVitalgate } from '../setup/vitalgate.ts';
import { commandLineHere, printed } from './command-line.ts';

interface Status {
  readonly masterKeys: readonly { readonly id: string; readonly keys: number; readonly role: string }[];
  readonly patients: { readonly all: number; readonly withOlder: number };
  readonly rotations: readonly { readonly scope: string | null; readonly finished_at: string | null }[];
}

describe('keys that encrypt, on the command line', () => {
  let vitalgate: TestVitalgate;
  let dataDir: string;
  let anna: TestUser;
  const [oldKey, newKey] = [randomBytes(32), randomBytes(32)];
  const oldAlone = { MASTER_KEY: oldKey.toString('hex') };
  const run = (words: readonly string[], settings: Readonly<Record<string, string>> = oldAlone) => commandLineHere({ DATA_DIR: dataDir, ...settings }).run(words);
  const status = (settings?: Readonly<Record<string, string>>) => printed<Status>(run(['--json', 'keys', 'status'], settings));

  beforeAll(async () => {
    vitalgate = await startTestVitalgate({ ...oldAlone, MASTER_KEY_PREVIOUS: newKey.toString('hex') });
    dataDir = mkdtempSync(join(tmpdir(), 'vitalgate-cli-keys-'));
    writeServerFile(dataDir, { pid: process.pid, urls: {}, database: vitalgate.database.connection });
    anna = await vitalgate.addUser({ username: 'anna' });
    for (const patientId of [anna.id, 'somebody-else']) {
      await answered(service(vitalgate, patientId).post('/devices/assign', watch));
      await answered(service(vitalgate, patientId).post('/health-data/healthkit', [heartRate(1)]));
    }
  }, 60_000);
  afterAll(async () => {
    await vitalgate.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  test('shows master keys by their names, and never a key', async () => {
    const { code, out } = await run(['keys', 'status']);
    expect([code, out]).toEqual([0, expect.stringMatching(new RegExp(`${masterKeyOf(oldKey).id} +6 +MASTER_KEY\\n\\npatients: 2, with older generations of their data key: 0`))]);
    expect(out).not.toContain(oldKey.toString('hex'));
  });

  test('gives one patient a new data key, and all', async () => {
    expect((await run(['keys', 'rotate', '--data', '--user', 'anna'])).out).toBe(`${anna.id} gets a new data key while the server runs; \`keys status\` tells how far it is\n`);
    await eventually(status, ({ rotations }) => rotations[0]?.finished_at !== null);
    expect((await run(['keys', 'rotate', '--data'])).out).toMatch(/^every patient gets/);
    const done = await eventually(status, ({ rotations }) => rotations.length === 2 && rotations.every(({ finished_at }) => finished_at !== null));
    expect(done).toMatchObject({ patients: { all: 2, withOlder: 0 }, rotations: [{ scope: null }, { scope: `patient:${anna.id}` }] });
    const { rows } = await vitalgate.database.pool.query(`select scope, generation from device_manager_keys.data_key where scope like 'patient:%' order by generation`);
    expect(rows).toEqual([{ scope: 'patient:somebody-else', generation: 2 }, { scope: `patient:${anna.id}`, generation: 3 }]);
    expect((await vitalgate.database.pool.query(`select from device_manager.audit_event where actor_kind = 'command-line' and event = 'key-rotated' and resource like 'data-key-rotation/%'`)).rowCount).toBe(2);
  });

  test('changes the master key, once the program knows the new one', async () => {
    const file = join(dataDir, 'new-key');
    writeFileSync(file, newKey.toString('base64'), { mode: 0o600 });
    const both = { MASTER_KEY_FILE: file, MASTER_KEY_PREVIOUS: oldKey.toString('hex') };
    expect(await run(['keys', 'rotate', '--master'], both)).toMatchObject({ code: 1, told: expect.stringContaining('has not been started with this master key yet') });
    await noteMasterKey(vitalgate.database.pool, masterKeyOf(newKey).id);
    expect((await run(['keys', 'rotate', '--master'], both)).out).toBe(`6 keys wrapped anew; all are wrapped by ${masterKeyOf(newKey).id} now, and MASTER_KEY_PREVIOUS can be taken away\n`);
    expect((await status({ MASTER_KEY: newKey.toString('hex') })).masterKeys).toEqual([{ id: masterKeyOf(newKey).id, keys: 6, role: 'MASTER_KEY' }]);
    expect(await run(['keys', 'status'])).toMatchObject({ code: 1, told: expect.stringContaining('The master key is not the one') });
    expect((await service(vitalgate, anna.id).get('/health-data?_p=rawData')).status).toBe(200);
  });

  test.each<[string, number, string[]]>([
    ['neither kind of keys', 2, []],
    ['both kinds at once', 2, ['--master', '--data']],
    ['one patient of the master key', 2, ['--master', '--user', 'anna']],
    ['somebody nobody knows', 3, ['--data', '--user', 'nobody']],
  ])('rotating %s ends with exit code %d', async (_situation, code, words) => {
    expect((await run(['keys', 'rotate', ...words], { MASTER_KEY: newKey.toString('hex') })).code).toBe(code);
  });
});
