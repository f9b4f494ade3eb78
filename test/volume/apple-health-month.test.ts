import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { importing, type Importing, type Listed } from '../apple-health/importing.ts';
import { appWith } from '../bff/app.ts';
import { startTestVitalgate, type TestUser, type TestVitalgate } from '../setup/vitalgate.ts';

const fixtures = join(import.meta.dirname, '..', 'fixtures', 'healthkit');
const month = join(fixtures, 'generated', 'export-30days.xml.gz');

let vitalgate: TestVitalgate;
let folder: string;
let imports: Importing;
beforeAll(async () => {
  vitalgate = await startTestVitalgate();
  folder = mkdtempSync(join(tmpdir(), 'vitalgate-import-'));
  imports = importing(vitalgate, folder);
});
afterAll(async () => {
  await vitalgate.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('the month of an export and the same month from a phone', () => {
  let [person, phone]: TestUser[] = [];

  test('are told the same counts', async () => {
    person = await vitalgate.addUser();
    const first = await imports.imported(month, person);
    expect(first).toMatchObject({ items: 22_226 + 30 + 5, skipped: 0, refused: [] });
    expect(first.statuses['created']).toBe(first.items - (first.statuses['unsupported'] ?? 0));
  }, 120_000);

  test('give the same values at the same seconds, to one millionth', async () => {
    phone = await vitalgate.addUser();
    const app = appWith(vitalgate.urls.bff, await vitalgate.signIn(phone));
    await app.post('/devices/assign', { deviceId: 'watch', deviceType: 'Wearable', deviceProvider: 'apple-healthkit' });
    const lines = gunzipSync(readFileSync(join(fixtures, 'generated', 'rnh-30days.ndjson.gz'))).toString('utf8').trim().split('\n').map((line) => JSON.parse(line) as { type: string; unit: string | null; sample: unknown });
    for (const [query, all] of Map.groupBy(lines, ({ type, unit }) => new URLSearchParams({ type, ...(unit && unit !== '% as fraction' && { unit }) }).toString())) {
      for (let from = 0; from < all.length; from += 1000) expect((await app.post(`/health-data?${query}`, all.slice(from, from + 1000).map(({ sample }) => sample))).status).toBe(200);
    }
    const seriesOf = (records: readonly Listed[]) =>
      records
        // This export tells no distance of its workouts, and the phone none of their statistics.
        .flatMap(({ rawDataType, recordedAt, normalizedData }) => (normalizedData?.observations ?? []).filter(({ code }) => !/HKWorkout\/(?!duration)/.test(code)).map(({ code, value, unitCode }) => ({ key: `${String(rawDataType)} ${recordedAt.slice(0, 19)} ${code} ${unitCode}`, value })))
        .sort((one, other) => (one.key === other.key ? one.value - other.value : one.key < other.key ? -1 : 1));
    const notOnPhones = /ActivitySummary|Characteristic/;
    const [fromExport, fromPhone] = [seriesOf((await imports.recordsOf(person ?? phone)).filter(({ rawDataType = '' }) => !notOnPhones.test(rawDataType))), seriesOf(await imports.recordsOf(phone))];
    expect(fromExport.length).toBeGreaterThan(22_000);
    expect(fromExport.map(({ key }) => key)).toEqual(fromPhone.map(({ key }) => key));
    // An export writes six decimals in the unit of its locale.
    expect(fromExport.filter(({ value }, index) => Math.abs(value - (fromPhone[index]?.value ?? Number.NaN)) > 1e-6 * Math.max(1, Math.abs(value)))).toEqual([]);
  }, 120_000);
});
