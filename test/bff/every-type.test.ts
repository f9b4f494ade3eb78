import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { convert, isUcum } from '../../src/measurement/quantity.ts';
import { answered, eventually, service } from '../device-manager/client.ts';
import facts from '../fixtures/healthkit/type-map.json' with { type: 'json' };
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { appWith, type Receipt } from './app.ts';
import { recordsByType } from './records-by-type.ts';

/** What the table of HealthKit's types says, which our rules were not read from by machine. */
interface Fact {
  readonly identifier: string;
  readonly kind: string;
  readonly canonicalUnitUCUM: string | null;
  readonly loinc: string | null;
  readonly loincConfidence: string | null;
  readonly percentAsFraction?: boolean;
  readonly values?: readonly { readonly raw: number; readonly name: string }[];
  readonly meaningIsDuration?: boolean;
  readonly reactNativeHealth?: { readonly arrivesAsUCUM?: string | null };
}
type Told = readonly [code: string, unitCode: string, value: number];
interface Case {
  readonly identifier: string;
  readonly item: object;
  /** Values, or pointers to what the record refers to. */
  readonly expected: readonly (Told | string)[];
}
interface Kept {
  readonly _id: string;
  readonly state: string;
  readonly reason?: string;
  readonly normalizedData?: {
    readonly observations: readonly { readonly code: string; readonly unitCode: string; readonly value: number }[];
    readonly attachments?: readonly { readonly pointer: string }[];
  };
}

const all = facts.types as unknown as readonly Fact[];
const apple = (code: string): string => `http://developer.apple.com/documentation/healthkit/${code}`;
const loinc = (code: string): string => `https://loinc.org/${code}`;
const rounded = (value: number): number => Number(value.toPrecision(9));

/** HealthKit's glucose tells no specimen: the codes are those of blood, one for mass and one for moles. */
const codesOfTheirOwn: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  HKQuantityTypeIdentifierBloodGlucose: { 'mg/dL': loinc('2339-0'), 'mmol/L': loinc('15074-8') },
};

/** What no body has in the unit of the library is not trusted in a unit that nobody stated; these are real. */
const real: Readonly<Record<string, number>> = {
  HKQuantityTypeIdentifierBodyTemperature: 36.6, HKQuantityTypeIdentifierHeartRateVariabilitySDNN: 0.045, HKQuantityTypeIdentifierHeight: 69,
  HKQuantityTypeIdentifierWaistCircumference: 34, HKQuantityTypeIdentifierLeanBodyMass: 120, HKQuantityTypeIdentifierDietaryWater: 0.25,
  HKQuantityTypeIdentifierPeakExpiratoryFlowRate: 480, HKQuantityTypeIdentifierBloodPressureSystolic: 120, HKQuantityTypeIdentifierBloodPressureDiastolic: 80,
};

/** Values that Apple gave another name since: the code has the new one. */
const renamed: Readonly<Record<string, string>> = {
  'HKCategoryTypeIdentifierOvulationTestResult/positive': 'luteinizingHormoneSurge', 'HKCategoryTypeIdentifierSleepAnalysis/asleep': 'asleepUnspecified',
};

const codeOf = ({ identifier, loinc: code, loincConfidence }: Fact, unit: string): string =>
  codesOfTheirOwn[identifier]?.[unit] ?? (code !== null && loincConfidence === 'high' ? loinc(code) : apple(identifier));

/** In the unit of HealthKit, by name; and where react-native-health has a default, in that one, without. */
function* casesOfQuantity(fact: Fact): Generator<Case> {
  const { identifier, canonicalUnitUCUM, percentAsFraction, reactNativeHealth } = fact;
  const unit = canonicalUnitUCUM ?? '';
  const sent = percentAsFraction === true ? 0.37 : 12.5;
  const became = percentAsFraction === true ? 37 : sent;
  yield { identifier, item: { unit, value: sent }, expected: [[codeOf(fact, unit), unit, became]] };
  const arrives = reactNativeHealth?.arrivesAsUCUM;
  if (arrives === null || arrives === undefined) return;
  const kept = codesOfTheirOwn[identifier]?.[arrives] === undefined ? unit : arrives;
  const value = real[identifier] ?? sent;
  const expected = percentAsFraction === true ? became : rounded(kept === arrives ? value : convert(value, arrives, kept));
  yield { identifier, item: { value }, expected: [[codeOf(fact, kept), kept, expected]] };
}

/** Each value is an event of its own, or the half hour it lasted. */
function* casesOfCategory({ identifier, values = [], meaningIsDuration }: Fact): Generator<Case> {
  const told = (code: string): Told => (meaningIsDuration === true ? [code, 'min', 30] : [code, '{event}', 1]);
  const stated = values.filter(({ name }) => !/notApplicable/i.test(name));
  if (stated.length === 0) yield { identifier, item: { value: 0 }, expected: [told(apple(identifier))] };
  for (const { raw, name } of stated) yield { identifier, item: { value: raw }, expected: [told(apple(`${identifier}/${renamed[`${identifier}/${name}`] ?? name}`))] };
}

function* casesOf(fact: Fact): Generator<Case> {
  if (fact.kind === 'quantity') yield* casesOfQuantity(fact);
  else if (fact.kind === 'category') yield* casesOfCategory(fact);
  else for (const [item, ...expected] of recordsByType[fact.identifier] ?? []) yield { identifier: fact.identifier, item, expected };
}

const cases = all.flatMap((fact) => [...casesOf(fact)]);

describe('every type of HealthKit', () => {
  let vitalgate: TestVitalgate;
  let received: Receipt;
  const kept = new Map<string, Kept>();
  const itemOf = ({ identifier, item }: Case, index: number): object => {
    const at = (minutes: number) => new Date(Date.UTC(2024, 6, 1) + minutes * 60_000).toISOString();
    return { id: randomUUID(), type: identifier, startDate: at(index * 40), endDate: at(index * 40 + 30), sourceId: 'com.apple.health', ...item };
  };

  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
    const user = await vitalgate.addUser();
    const app = appWith(vitalgate.urls.bff, await vitalgate.signIn(user));
    await app.post('/devices/assign', { deviceId: 'watch', deviceType: 'Wearable', deviceProvider: 'apple-healthkit' });
    received = await answered<Receipt>(app.post('/health-data', cases.map(itemOf)));
    await eventually(async () => (await vitalgate.database.pool.query('select from graphile_worker.jobs')).rowCount, (count) => count === 0);
    const text = await (await service(vitalgate, user.id).get('/health-data/export?_p=state,reason,normalizedData')).text();
    for (const line of text.trim().split('\n')) {
      const record = JSON.parse(line) as Kept;
      kept.set(record._id, record);
    }
  }, 120_000);
  afterAll(() => vitalgate.stop());

  test('is in the table, all 220 of them', () => {
    expect(all).toHaveLength(220);
    expect(all.map(({ identifier }) => identifier).filter((identifier) => !cases.some((one) => one.identifier === identifier))).toEqual([]);
    expect(Object.keys(recordsByType).toSorted()).toEqual(all.filter(({ kind }) => kind !== 'quantity' && kind !== 'category').map(({ identifier }) => identifier).toSorted());
  });

  test('has units of UCUM alone', () => {
    const units = cases.flatMap(({ expected }) => expected.flatMap((one) => (typeof one === 'string' ? [] : [one[1]])));
    expect([...new Set(units)].filter((unit) => !isUcum(unit))).toEqual([]);
  });

  test.each(cases.map((one, index) => [`${one.identifier} ${JSON.stringify(one.item).slice(0, 60)}`, one, index] as const))('%s is uploaded and becomes its code, unit and value', (_name, { expected }, index) => {
    const { status, _id = '', error } = received.items[index] ?? { status: 'missing' };
    expect([status, error]).toEqual(['created', undefined]);
    const record = kept.get(_id);
    const { observations = [], attachments = [] } = record?.normalizedData ?? {};
    const told = [...observations.map(({ code, unitCode, value }) => [code, unitCode, rounded(value)]), ...attachments.map(({ pointer }) => pointer)];
    expect([record?.state, record?.reason, told]).toEqual(['normalized', undefined, expected]);
  });
});
