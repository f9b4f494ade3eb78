import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { backgroundJobs } from '../../src/device-manager/background-jobs.ts';
import { jobNames } from '../../src/config/settings.ts';
import { createMetrics } from '../../src/http/metrics.ts';
import { processGauges } from '../../src/metrics/process-gauges.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { readExposition, type Exposition, type Series } from './exposition.ts';
import { readQuery } from './query.ts';

const root = join(import.meta.dirname, '..', '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string };
}
const rules = (parse(read('operations/prometheus/alerts.yaml')) as { groups: { rules: Rule[] }[] }).groups.flatMap((group) => group.rules);

interface Panel {
  readonly title: string;
  readonly id: number;
  readonly gridPos: { readonly x: number; readonly w: number };
  readonly targets?: readonly { readonly expr: string }[];
}
const dashboard = JSON.parse(read('operations/grafana/vitalgate.json')) as { panels: Panel[] };
/** As Grafana fills it in. */
const filledIn = (expr: string): string => expr.replaceAll('$__rate_interval', '1m').replaceAll('"$job"', '".*"');
const queries: [string, string][] = [
  ...rules.map(({ alert, expr }): [string, string] => [alert, expr]),
  ...dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }): [string, string] => [title, filledIn(expr)])),
];

/** Prometheus itself adds these to whatever it scrapes. */
const ofPrometheus = ['job', 'instance'];

let vitalgate: TestVitalgate;
let all: Exposition;
const scrape = async (url: string): Promise<string> => (await fetch(`${url}/-/metrics`)).text();
const scrapeAll = async (): Promise<Exposition> => readExposition((await Promise.all(Object.values(vitalgate.urls).map(scrape))).join('\n'));
const seriesOf = (name: string, labels: Readonly<Record<string, string>>, among: Exposition = all): readonly Series[] =>
  (among.series.get(name) ?? []).filter((one) => Object.entries(labels).every(([label, value]) => one.labels[label] === value));
const sumOf = (name: string, labels: Readonly<Record<string, string>>, among: Exposition = all): number => seriesOf(name, labels, among).reduce((sum, { value }) => sum + value, 0);

const heartRates = JSON.stringify([{ id: 'B9480B59-3A05-416C-97CF-E0DE431ADCB5', value: 71, startDate: '2024-07-23T15:44:05.993+0200', endDate: '2024-07-23T15:44:05.993+0200' }]);

const upload = async (): Promise<string> => {
  const user = await vitalgate.addUser();
  const headers = { cookie: await vitalgate.signIn(user), 'content-type': 'application/json' };
  const device = { deviceId: 'apple-12345', deviceType: 'Wearable', deviceProvider: 'apple-healthkit', name: 'Apple Watch' };
  await fetch(`${vitalgate.urls.bff}/devices/assign`, { method: 'POST', headers, body: JSON.stringify(device) });
  const answer = await fetch(`${vitalgate.urls.bff}/health-data?type=HeartRate&unit=bpm`, { method: 'POST', headers, body: heartRates });
  expect(answer.status).toBe(200);
  return user.id;
};

const deliver = async (key: string): Promise<number> =>
  (await fetch(`${vitalgate.urls.deviceManager}/health-data/medisante`, { method: 'POST', headers: { 'x-api-key': key, 'content-type': 'application/json' }, body: read('test/fixtures/medisante/captured/glucose-bg800-pryv.json') })).status;

/** A sign-in whose client leaves in the middle of its body. */
const giveUp = (): Promise<void> =>
  new Promise((resolve) => {
    const asked = httpRequest(`${vitalgate.urls.bff}/oauth/token`, { method: 'POST', headers: { 'content-type': 'application/json', 'content-length': '900' } });
    asked.on('error', () => undefined).on('close', resolve).write('{', () => setTimeout(() => asked.destroy(), 100));
  });

let patientId: string;
beforeAll(async () => {
  // Nothing runs in the background: what waits is still there when somebody looks.
  vitalgate = await startTestVitalgate({ JOBS: [] });
  patientId = await upload();
  await deliver((await vitalgate.createWebhookKey()).key);
  await fetch(`${vitalgate.urls.bff}/oauth/token`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ username: 'nobody', password: 'nothing at all' }) });
  await giveUp();
  await vitalgate.database.pool.query(`update device_manager.quarantined_delivery set received_at = now() - interval '25 hours'`);
  await vitalgate.database.pool.query(`update graphile_worker._private_jobs set created_at = now() - interval '1 hour', run_at = now() - interval '1 hour'`);
  await vitalgate.database.pool.query(`select graphile_worker.add_job('renormalize', '{}', max_attempts => 1), graphile_worker.add_job('submit-detections', '{}', run_at => now() + interval '1 day')`);
  await vitalgate.database.pool.query(`update graphile_worker._private_jobs set attempts = 1 where max_attempts = 1`);
  all = await scrapeAll();
});
afterAll(() => vitalgate.stop());

describe('what the running program tells', () => {
  test.each<[string, string, Readonly<Record<string, string>>, number | [number, number]]>([
    ['uploads by operation and status', 'http_request_duration_seconds_count', { service: 'bff', operation: 'uploadHealthData', status: '200' }, 1],
    ['a sign-in that was not answered', 'http_request_duration_seconds_count', { service: 'bff', operation: 'signIn', status: '499' }, 1],
    ['the forwarded upload', 'http_request_duration_seconds_count', { service: 'device-manager', operation: 'receiveHealthKitInFormat' }, 1],
    ['a scrape in flight', 'http_requests_in_flight', { service: 'bff' }, [1, 3]],
    ['readiness', 'vitalgate_ready', { service: 'device-manager' }, 1],
    ['a job that is ready', 'vitalgate_jobs', { task: 'normalize', state: 'ready' }, 1],
    ['a job that was given up', 'vitalgate_jobs', { task: 'renormalize', state: 'failed' }, 1],
    ['a job for tomorrow', 'vitalgate_jobs', { task: 'submit-detections', state: 'later' }, 1],
    ['no job', 'vitalgate_jobs', { task: 'password-reset-mail', state: 'ready' }, 0],
    ['the age of the oldest job', 'vitalgate_oldest_job_age_seconds', { task: 'normalize' }, [3600, 3800]],
    ['no age of a job for tomorrow', 'vitalgate_oldest_job_age_seconds', { task: 'submit-detections' }, 0],
    ['no age of a job that was given up', 'vitalgate_oldest_job_age_seconds', { task: 'renormalize' }, 0],
    ['the normalization lag', 'vitalgate_normalization_lag_seconds', {}, [3600, 3800]],
    ['a delivery in quarantine', 'vitalgate_inbox_entries', { kind: 'quarantined', reason: 'device-unknown' }, 1],
    ['its age', 'vitalgate_oldest_inbox_delivery_age_seconds', { kind: 'quarantined', reason: 'device-unknown' }, [90_000, 90_200]],
    ['no age of what conflicts', 'vitalgate_oldest_inbox_delivery_age_seconds', { kind: 'conflicting', reason: 'none' }, 0],
    ['nothing that failed', 'vitalgate_inbox_entries', { kind: 'failed' }, 0],
    ['nothing parked', 'vitalgate_submissions', { state: 'parked' }, 0],
    ['rows of the audit that nobody chained', 'vitalgate_audit_unchained_events', { service: 'device-manager' }, [2, 20]],
    ['their age', 'vitalgate_audit_unchained_age_seconds', { service: 'user-manager' }, [0.001, 120]],
    ['what a pool may open', 'vitalgate_database_connections_max', { service: 'device-manager', pool: 'requests' }, 10],
    ['what it has open', 'vitalgate_database_connections', { service: 'device-manager', pool: 'requests' }, [1, 10]],
    ['that nobody waits', 'vitalgate_database_waiting', { service: 'device-manager' }, 0],
    ['free space', 'vitalgate_data_directory_free_bytes', { service: 'bff' }, [1, 1e18]],
    ['which version runs', 'vitalgate_build_info', { service: 'bff', node: process.version }, 1],
  ])('%s', (_situation, name, labels, wanted) => {
    expect(seriesOf(name, labels).length).toBeGreaterThan(0);
    const value = sumOf(name, labels);
    const [least, most] = typeof wanted === 'number' ? [wanted, wanted] : wanted;
    expect(value).toBeGreaterThanOrEqual(least);
    expect(value).toBeLessThanOrEqual(most);
  });

  test('every background job of the settings is counted, but for the one that has figures of its own', () => {
    const counted = new Set((all.series.get('vitalgate_jobs') ?? []).map(({ labels }) => labels['task']));
    expect([...counted].toSorted()).toEqual(jobNames.filter((name) => name !== 'chain-audit').toSorted());
  });

  test('names and labels follow the conventions, and none names a person or a device', () => {
    const ours = [...all.families].filter(([name]) => /^(vitalgate|http)_/.test(name));
    expect(ours.length).toBeGreaterThan(14);
    expect(ours.filter(([name, { type, help }]) => !/^[a-z][a-z0-9_]*$/.test(name) || help === '' || (name.endsWith('_total') !== (type === 'counter')) || /_(ms|minutes|kb|mib)$/.test(name))).toEqual([]);
    const labels = new Set(ours.flatMap(([name]) => [...all.series].filter(([one]) => one.startsWith(name)).flatMap(([, series]) => series.flatMap((one) => Object.keys(one.labels)))));
    expect([...labels].toSorted()).toEqual(['kind', 'le', 'node', 'operation', 'pool', 'reason', 'service', 'state', 'status', 'task', 'version']);
    const values = [...all.series.values()].flat().flatMap((one) => Object.values(one.labels));
    expect(values.filter((value) => value.includes(patientId) || value.includes('apple-12345') || value.includes('@'))).toEqual([]);
  });

  test('jobs that were given up and are to be tried again count as ready', async () => {
    expect(await backgroundJobs(vitalgate.database.pool, 7).retryAll({}, { actor: 'vitalgate' })).toBe(1);
    const now = await scrapeAll();
    expect([sumOf('vitalgate_jobs', { task: 'renormalize', state: 'failed' }, now), sumOf('vitalgate_jobs', { task: 'renormalize', state: 'ready' }, now)]).toEqual([0, 1]);
  });

  test.each<[string, string, string[]]>([
    ['deliveries that wait', 'device_manager.quarantined_delivery', ['vitalgate_inbox_entries', 'vitalgate_oldest_inbox_delivery_age_seconds']],
    // 0 would be told as "nothing waits", while nobody knows.
    ['jobs', 'graphile_worker._private_jobs', ['vitalgate_jobs', 'vitalgate_oldest_job_age_seconds', 'vitalgate_normalization_lag_seconds']],
    ['rows of the audit', 'device_manager.audit_event', ['vitalgate_audit_unchained_events', 'vitalgate_audit_unchained_age_seconds']],
  ])('what the database does not tell in time is left out, and the rest is told: %s', async (_situation, table, missing) => {
    const client = await vitalgate.database.pool.connect();
    try {
      await client.query(`begin; lock table ${table} in access exclusive mode`);
      const startedMs = Date.now();
      const told = readExposition(await scrape(vitalgate.urls.deviceManager));
      expect(Date.now() - startedMs).toBeLessThan(9_000);
      for (const name of missing) expect([name, seriesOf(name, {}, told)]).toEqual([name, []]);
      for (const name of ['http_request_duration_seconds_count', 'vitalgate_ready', 'vitalgate_database_connections_max', 'process_start_time_seconds']) expect([name, seriesOf(name, {}, told).length > 0]).toEqual([name, true]);
    } finally {
      await client.query('rollback');
      client.release();
    }
  });

  test.each<[string, string, number]>([['a DATA_DIR that is there', tmpdir(), 1], ['a DATA_DIR that nobody made', join(tmpdir(), 'vitalgate-of-nobody'), 0]])('free space with %s, while the database hangs', async (_situation, dataDir, series) => {
    const hangs = { name: 'hangs', help: 'Never answers.', labelNames: [], read: () => new Promise<never>(() => undefined) };
    const { body } = await createMetrics('bff', [hangs, ...processGauges('0', dataDir)]).render();
    expect(seriesOf('vitalgate_data_directory_free_bytes', {}, readExposition(body))).toHaveLength(series);
  });
});

describe('alarms and dashboard ask for what is there', () => {
  test.each(queries)('%s: %s', (_where, expr) => {
    const { selectors, grouped } = readQuery(expr);
    expect(selectors.length).toBeGreaterThan(0);
    const labels = new Set(ofPrometheus);
    for (const { metric, matchers } of selectors) {
      const series = metric === 'up' ? [{ labels: {}, value: 1 }] : (all.series.get(metric) ?? []);
      expect([metric, series.length > 0]).toEqual([metric, true]);
      for (const label of series.flatMap((one) => Object.keys(one.labels))) labels.add(label);
      for (const { label, operator, value } of matchers.filter(({ label: name }) => !ofPrometheus.includes(name))) {
        const values = series.map((one) => (one.labels as Record<string, string>)[label]);
        expect([label, values.some((one) => one !== undefined)]).toEqual([label, true]);
        if (operator === '=') expect(values).toContain(value);
        // Statuses need not have happened.
        if (operator === '=~' && label !== 'status' && label !== 'reason') expect(values.some((one) => new RegExp(`^(?:${value})$`).test(one ?? ''))).toBe(true);
      }
    }
    expect(grouped.filter((label) => !labels.has(label))).toEqual([]);
  });

  test.each(['rate(http_request_duration_seconds_count[5m]', 'sum by service (up)', 'up{job=vitalgate}'])('what is no PromQL is found: %s', (expr) => {
    expect(() => readQuery(expr)).toThrow('no PromQL');
  });

  test('requests of balancers and scrapers hide no errors and no slowness', () => {
    const ofRequests = queries.flatMap(([where, expr]) => readQuery(expr).selectors.map((selector) => ({ where, ...selector }))).filter(({ metric }) => metric.startsWith('http_request_duration_seconds'));
    expect(ofRequests.length).toBeGreaterThan(8);
    const isChosen = ({ label, operator, value }: { label: string; operator: string; value: string }) => label === 'operation' && (operator === '=' || operator === '=~' || value.startsWith('platform:.*'));
    // Refusals are shown as they are counted, and divided by nothing.
    expect(ofRequests.filter(({ matchers }) => !matchers.some(isChosen)).map(({ where }) => where)).toEqual(['Refusals by operation and status']);
  });

  test('requests that nobody answered are no refusals, and have an alarm of their own', () => {
    const statuses = (where: string, expr: string) => readQuery(expr).selectors.flatMap(({ matchers }) => matchers.filter(({ label }) => label === 'status')).map(({ operator, value }) => `${where} ${operator} ${value}`);
    const asked = new Set(queries.flatMap(([where, expr]) => statuses(where, expr)));
    const ofRefusals = [...asked].filter((one) => one.endsWith(' =~ 4..')).map((one) => one.replace(' =~ 4..', ''));
    expect(ofRefusals).toEqual(['VitalgateUploadsRefused', 'VitalgateSignInsRefused', 'Refusals by operation and status']);
    expect(ofRefusals.filter((where) => !asked.has(`${where} != 499`))).toEqual([]);
    expect(asked).toContain('VitalgateUnanswered = 499');
  });

  test('labels that a summary speaks of are left by its query', () => {
    for (const { expr, annotations } of rules) {
      const spoken = [...annotations.summary.matchAll(/\$labels\.(\w+)/g)].map(([, label = '']) => label);
      const { grouped, selectors } = readQuery(expr);
      const isGrouped = /\bby\b/.test(expr) || /^(max|min|sum)\(/.test(expr);
      const kept = isGrouped ? grouped : [...ofPrometheus, ...selectors.flatMap(({ metric }) => (all.series.get(metric) ?? []).flatMap((one) => Object.keys(one.labels)))];
      expect(spoken.filter((label) => !kept.includes(label))).toEqual([]);
    }
  });

  test('each alarm has a severity and a section in docs/operations.md, and each section an alarm', () => {
    expect(rules.filter(({ labels }) => !['critical', 'warning'].includes(labels.severity))).toEqual([]);
    const sections = [...read('docs/operations.md').matchAll(/^### (Vitalgate\w+)\n\n(?:.+\n)*?\*\*Do\*\*: .{20,}/gm)].map(([, name]) => name);
    expect(sections.toSorted()).toEqual(rules.map(({ alert }) => alert).toSorted());
  });

  test('panels have numbers of their own and fit the width', () => {
    const ids = dashboard.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(dashboard.panels.filter(({ gridPos: { x, w } }) => x + w > 24)).toEqual([]);
  });
});
