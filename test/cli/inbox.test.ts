import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeServerFile } from '../../src/server-file.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { commandLine } from './command-line.ts';

const MASTER_KEY = randomBytes(32).toString('hex');

describe('the inbox on the command line', () => {
  let vitalgate: TestVitalgate;
  let dataDir: string;
  const run = (words: readonly string[], settings: Record<string, string> = { MASTER_KEY }) => commandLine({ DATA_DIR: dataDir, ...settings }).run(words);
  const idOf = async (correlationId: string) => (JSON.parse((await run(['--json', 'inbox', 'list'])).out) as { _id: string; correlation_id: string }[]).find((entry) => entry.correlation_id === correlationId)?._id ?? '';

  beforeAll(async () => {
    vitalgate = await startTestVitalgate({ MASTER_KEY });
    dataDir = mkdtempSync(join(tmpdir(), 'vitalgate-cli-inbox-'));
    writeServerFile(dataDir, { pid: process.pid, urls: {}, database: vitalgate.database.connection });
    const { key } = await vitalgate.createWebhookKey();
    for (const correlationId of ['one', 'two']) {
      const body = { metadata: { correlationId, measurementType: 'BodyWeight' }, device: { id: 'Maker:Scale:123456' }, measurements: { timestamp: '2024-03-02T09:10:11Z', bodyWeight: { value: 71234, unit: 'g' } } };
      await fetch(`${vitalgate.urls.deviceManager}/health-data/medisante`, { method: 'POST', headers: { 'content-type': 'application/json', 'x-api-key': key }, body: JSON.stringify(body) });
    }
  });
  afterAll(async () => {
    await vitalgate.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  test('lists what waits, with devices masked', async () => {
    const { code, out } = await run(['inbox', 'list', '--reason', 'device-unknown']);
    expect([code, out.split('\n').length]).toEqual([0, 4]);
    expect(out).toContain('…3456');
    expect(out).not.toContain('Maker:Scale:123456');
  });

  test('shows the members of a payload, and no value', async () => {
    const { code, out } = await run(['inbox', 'show', await idOf('one')]);
    expect(code).toBe(0);
    expect(out).toMatch(/"bodyWeight": \{\s+"value": "number",\s+"unit": "text"/);
    expect(out).not.toContain('71234');
  });

  test('replays one and all that a filter means', async () => {
    expect((await run(['inbox', 'replay', await idOf('one')])).out).toMatch(/^1 will be tried again/);
    expect((await run(['--json', 'inbox', 'replay', '--device', 'Maker:Scale:123456'])).out).toBe('{"entries":2}\n');
  });

  test('discards one for good', async () => {
    const id = await idOf('two');
    expect((await run(['inbox', 'discard', id, '--reason', 'test-device'])).code).toBe(0);
    expect((await run(['inbox', 'discard', id, '--reason', 'test-device'])).code).toBe(3);
    expect(await idOf('two')).toBe('');
  });

  test.each<[string, number, string[]]>([
    ['an entry nobody has', 3, ['inbox', 'show', 'nobody']],
    ['a kind nobody knows', 2, ['inbox', 'list', '--kind', 'lost']],
    ['a reason nobody knows', 2, ['inbox', 'discard', 'x', '--reason', 'boredom']],
    ['no reason', 2, ['inbox', 'discard', 'x']],
  ])('%s ends with exit code %d', async (_situation, code, words) => {
    expect((await run(words)).code).toBe(code);
  });

  test('another master key reads nothing, and says so', async () => {
    const { code, told } = await run(['inbox', 'show', await idOf('one')], { MASTER_KEY: randomBytes(32).toString('hex') });
    expect(code).toBe(1);
    expect(told).toMatch(/master key is not the one/);
  });
});
