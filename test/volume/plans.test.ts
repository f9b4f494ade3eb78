import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Pool } from '../../src/database/pool.ts';
import { isSmall, tablePlaces } from '../database/table-places.ts';
import { startTherapyMonitoring, type TherapyMonitoringPlayer } from '../players/therapy-monitoring.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { fillWithCrowd } from './crowd.ts';
import { defaultRequests, samplePath } from './default-requests.ts';
import { conditionOf, nodesOf, plansOf, readsAll, tableOf, type PlanNode } from './plan.ts';
import { recordStatements, type RecordedStatement } from './recorded-statements.ts';

/** Samples of many patients in CI; the full size is 10,000,000. */
const count = Number(process.env['PLANNED_SAMPLES'] ?? 300_000);

interface Planned {
  readonly statement: RecordedStatement;
  readonly plan: PlanNode;
}

/** Statements that may read all of a table, each with the reason. */
const mayReadAll: readonly (readonly [table: string, statement: RegExp, reason: string])[] = [
  ['device_manager.quarantined_delivery', /group by reason/, 'a count for an alarm, once a scrape: what waits for a person is to be few'],
  ['device_manager.audit_event', /where e[.]event = \$1 and true order by/, 'an operator looks for one event among all patients and all years: from and to bound it'],
  ['device_manager.device', /nulls first, d[.]created_at/, 'an operator lists the devices of all patients: with a patient it is an index'],
  ['device_manager.assignment', /nulls first, d[.]created_at/, 'an operator lists the devices of all patients: with a patient it is an index'],
  ['user_manager.user_account', /order by u[.]created_at desc nulls last/, 'an operator lists all people in an order of the own choice'],
];

/** Statements on the way of a sample that name no patient, each with the reason. */
const mayNameNoPatient: readonly (readonly [statement: RegExp, reason: string])[] = [
  [/whole_sample where identity = (any[(])?\$1/, 'a version of a reading says whose it is by the first one, whoever had the device then: found by an index over readings that have versions'],
  [/select identity from device_manager[.]sample where position/, 'the same where a version is one of two that came together: found by an index over those'],
  [/from device_manager[.]payload where payload_id = \$1::uuid and provider/, 'an upload is asked for by its identifier alone, which an index leads to its patient'],
];

const told = ({ during, text }: RecordedStatement, what: string): string => `${during}: ${what}: ${text.replace(/\s+/g, ' ').trim().slice(0, 300)}`;

const partialIndexes = async (pool: Pool): Promise<ReadonlySet<string>> => {
  const { rows } = await pool.query<{ name: string }>('select c.relname as name from pg_index i join pg_class c on c.oid = i.indexrelid where i.indpred is not null');
  return new Set(rows.map(({ name }) => name));
};

describe(`the statements of default requests among ${String(count)} samples of many patients`, () => {
  let vitalgate: TestVitalgate;
  let tmm: TherapyMonitoringPlayer;
  let partial: ReadonlySet<string>;
  const planned: Planned[] = [];

  beforeAll(async () => {
    tmm = await startTherapyMonitoring();
    vitalgate = await startTestVitalgate({ TMM_SERVICE_URL: tmm.url });
    const { pool } = vitalgate.database;
    await fillWithCrowd(pool, count);
    const recording = recordStatements();
    for (const [stage, ask] of defaultRequests(vitalgate, tmm)) {
      recording.during(stage);
      await ask();
    }
    recording.stop();
    partial = await partialIndexes(pool);
    const { rows: [server] } = await pool.query<{ version: number }>(`select current_setting('server_version_num')::int as version`);
    for (const statement of recording.statements()) for (const plan of await plansOf(pool, statement, server?.version ?? 0)) planned.push({ statement, plan });
  }, 1_800_000);
  afterAll(async () => {
    await vitalgate.stop();
    await tmm.kill();
  });

  const onSamplePath = (): Planned[] => planned.filter(({ statement }) => (samplePath as readonly string[]).includes(statement.during));
  const scansOf = ({ statement, plan }: Planned) =>
    nodesOf(plan).flatMap(({ node, above }) => {
      const table = tableOf(node);
      return table !== undefined && table in tablePlaces ? [{ statement, node, above, table }] : [];
    });

  test('none reads all of a table that grows with patients', () => {
    const faults = planned.flatMap(scansOf).filter(({ statement, node, above, table }) =>
      !isSmall(table) && readsAll(node, above, partial) && !mayReadAll.some(([name, pattern]) => name === table && pattern.test(statement.text.replace(/\s+/g, ' '))));
    expect([...new Set(faults.map(({ statement, node, table }) => told(statement, `${table} by ${node['Node Type']}`)))]).toEqual([]);
  });

  test('on the way of a sample each names the patient wherever it reads or changes what is distributed by patient', () => {
    const faults = onSamplePath().flatMap(scansOf).flatMap(({ statement, node, table }) => {
      const place = tablePlaces[table];
      if (place === undefined || !('distributedBy' in place) || mayNameNoPatient.some(([pattern]) => pattern.test(statement.text.replace(/\s+/g, ' ')))) return [];
      return conditionOf(node).includes(`${place.distributedBy} = `) ? [] : [told(statement, `${table} where ${conditionOf(node)}`)];
    });
    expect([...new Set(faults)]).toEqual([]);
    const inserted = onSamplePath().flatMap(({ statement }) => [...statement.text.matchAll(/insert into (\w+[.]\w+) [(]([^)]*)[)]/g)].map(([, table = '', columns = '']) => ({ statement, table, columns })));
    const lacking = inserted.filter(({ table, columns }) => {
      const place = tablePlaces[table];
      return place !== undefined && 'distributedBy' in place && !columns.split(/,\s*/).includes(place.distributedBy);
    });
    expect(lacking.map(({ statement, table }) => told(statement, table))).toEqual([]);
    expect(inserted.map(({ table }) => table)).toEqual(expect.arrayContaining(['payload', 'sample', 'sample_group', 'delivery', 'normalized_chunk', 'series_chunk'].map((table) => `device_manager.${table}`)));
  });

  test('every table that is distributed was read or changed by something', () => {
    const seen = new Set(planned.flatMap(({ plan }) => nodesOf(plan).flatMap(({ node }) => (node['Relation Name'] === undefined ? [] : [`${node.Schema ?? ''}.${node['Relation Name']}`]))));
    expect(Object.keys(tablePlaces).filter((table) => 'distributedBy' in (tablePlaces[table] ?? {}) && !seen.has(table))).toEqual([]);
  });
});
