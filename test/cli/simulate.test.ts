import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LedgerLine } from '../../src/simulator/delivering.ts';
import { faults } from '../../src/simulator/medisante.ts';
import { formats } from '../../src/simulator/writing.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { commandLineHere } from './command-line.ts';

/** Deliveries in CI; the full size is 10000. */
const deliveries = Number(process.env['SIMULATED_DELIVERIES'] ?? 400);

describe('the simulator of Medisanté devices', () => {
  let vitalgate: TestVitalgate;
  let folder: string;
  let environment: Record<string, string>;
  const run = (words: readonly string[], more: Record<string, string> = environment) => commandLineHere({ DATA_DIR: folder, ...more }).run(['--json', 'simulate', 'medisante', '--url', vitalgate.urls.deviceManager, ...words]);
  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
    folder = mkdtempSync(join(tmpdir(), 'vitalgate-simulate-'));
    environment = { SIMULATE_KEY: (await vitalgate.createWebhookKey()).key, SIMULATE_TOKEN: vitalgate.serviceToken };
  });
  afterAll(async () => {
    await vitalgate.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test(`of ${String(deliveries)} deliveries in all formats with all faults none is lost, none doubled, none given to the wrong patient`, async () => {
    const ledger = join(folder, 'ledger.jsonl');
    const { code, out } = await run(['--devices', '12', '--deliveries', String(deliveries), '--format', 'all', '--faults', 'all', '--ledger', ledger]);
    const refused = (JSON.parse(out) as { acknowledged: number }).acknowledged;
    expect(JSON.parse(out)).toEqual({ sent: deliveries, acknowledged: refused, lost: 0, doubled: 0, wrongPatient: 0, unexpected: 0 });
    expect(code).toBe(0);
    const text = readFileSync(ledger, 'utf8');
    const lines = text.trim().split('\n').map((line) => JSON.parse(line) as LedgerLine);
    expect(new Set(lines.map(({ fault }) => fault))).toEqual(new Set([undefined, ...faults]));
    expect(lines.filter(({ fault }) => fault === 'duplicates').every(({ statuses, ids }) => statuses.length > 1 && new Set(ids).size === 1)).toBe(true);
    expect(statSync(ledger).mode & 0o777).toBe(0o600);
    expect(text).not.toMatch(/mmHg|"value"/);
    const { rows } = await vitalgate.database.pool.query<{ format: string }>('select distinct format from device_manager.payload order by format');
    expect(rows.map(({ format }) => format)).toEqual([...formats].sort());
    expect((await vitalgate.database.pool.query('select from device_manager.sample')).rowCount).toBe(lines.filter(({ expected }) => expected === 'kept').length);
  }, 60_000 + deliveries * 60);

  test('keeps the pace it is told', async () => {
    const started = performance.now();
    await run(['--devices', '1', '--deliveries', '10', '--rate', '10']);
    expect(performance.now() - started).toBeGreaterThan(850);
  });

  test.each<[string, string[], Record<string, string>]>([
    ['no credentials', [], {}],
    ['no deliveries', ['--deliveries', '0'], { SIMULATE_KEY: 'k', SIMULATE_TOKEN: 't' }],
    ['a fault nobody knows', ['--faults', 'flood'], { SIMULATE_KEY: 'k', SIMULATE_TOKEN: 't' }],
    ['a format nobody knows', ['--format', 'fhir-json,yaml'], { SIMULATE_KEY: 'k', SIMULATE_TOKEN: 't' }],
    ['an address without a scheme', ['--url', 'localhost:3001'], { SIMULATE_KEY: 'k', SIMULATE_TOKEN: 't' }],
    ['a seed that is none', ['--seed', 'x'], { SIMULATE_KEY: 'k', SIMULATE_TOKEN: 't' }],
  ])('%s is wrong use', async (_situation, words, more) => {
    expect((await run(words, more)).code).toBe(2);
  });
});
