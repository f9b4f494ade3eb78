import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startTherapyMonitoring, type TherapyMonitoringPlayer } from '../players/therapy-monitoring.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { askerOf, operations, statusOf, type Asked, type Asker } from './operation-request.ts';
import { meantBy, specifications } from './specifications.ts';

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required: boolean;
  readonly shown: string;
}

const shownPatient = '9c86fda0197f4d0e8780daae45bac2f8';

/** As a query writes it; of a list, its first value. */
const textOf = (shown: unknown): string => {
  const [first] = [shown].flat();
  return typeof first === 'string' ? first : first === undefined ? '' : JSON.stringify(first);
};

/** Parameters of an operation in the query and in headers, with the value that the specification shows. */
const parametersOf = ({ service, operation: { template, method } }: Asked): Parameter[] => {
  const spec = specifications.find((one) => one.service === service)?.spec;
  if (spec === undefined) throw new Error(`There is no ${service}.`);
  const item = (spec.document['paths'] as Record<string, Record<string, { parameters?: unknown[] }>>)[template] ?? {};
  const listed = [...((item['parameters'] as unknown as unknown[] | undefined) ?? []), ...(item[method.toLowerCase()]?.parameters ?? [])];
  return listed.map((one) => meantBy(spec, one)).flatMap((parameter) => {
    const schema = meantBy(spec, parameter['schema']);
    const shown = parameter['example'] ?? schema['example'] ?? (schema['items'] === undefined ? undefined : meantBy(spec, schema['items'])['example']);
    return parameter['in'] === 'path' ? [] : [{ name: String(parameter['name']), in: String(parameter['in']), required: parameter['required'] === true, shown: textOf(shown) }];
  });
};

/** A cursor is one of the list that gave it, and the one that is shown is of observations. */
const isForeign = ({ id }: Asked, { name }: Parameter): boolean => id === 'searchDevices' && name === '_cursor';

const rows = operations.flatMap((asked) => parametersOf(asked).filter((one) => !isForeign(asked, one)).map((parameter) => ({ id: asked.id, name: parameter.name, shown: parameter.shown, parameter, asked })));

/** Whether there is something, or all can be kept, is another matter than whether the question was understood. */
const understood = [200, 202, 204, 304, 404, 409, 410, 422];

describe('the value that the specification shows of a parameter is understood', () => {
  let vitalgate: TestVitalgate;
  let tmm: TherapyMonitoringPlayer;
  let asker: Asker;
  beforeAll(async () => {
    tmm = await startTherapyMonitoring();
    vitalgate = await startTestVitalgate({ JOBS: [], TMM_SERVICE_URL: tmm.url });
    asker = await askerOf(vitalgate);
    for (const id of ['createUser', 'assignDevice']) for (const asked of operations.filter((one) => one.id === id)) expect(await statusOf(asker, asked)).toBe(200);
  });
  afterAll(async () => {
    await vitalgate.stop();
    await tmm.kill();
  });

  const inThisRun = (text: string): string => text.replaceAll(shownPatient, asker.given['patientId'] ?? '');

  test.each(rows)('$id: $name=$shown', async ({ asked, parameter }) => {
    expect(parameter.shown).not.toBe('');
    const sent = parametersOf(asked).filter((one) => one.required || one.name === parameter.name);
    const query = sent.filter((one) => one.in === 'query').map((one) => `${one.name}=${encodeURIComponent(inThisRun(one.shown))}`).join('&');
    const headers = Object.fromEntries(sent.filter((one) => one.in === 'header').map((one) => [one.name, one.shown]));
    expect(understood).toContain(await statusOf(asked.id === 'exportPatient' ? { ...asker, given: { id: asker.given['patientId'] ?? '' } } : asker, asked, { query: query === '' ? '' : `?${query}`, headers }));
  });
});
