import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { nameReadings } from '../../src/device-manager/naming-readings.ts';
import { readFhir } from '../../src/device-manager/providers/fhir/reading.ts';
import type { ReadingIdentity } from '../../src/device-manager/providers/reading.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { answered, clientWith, cuff, eventually, newPatient, service, type Client, type KeptRecord, type Series } from './client.ts';
import { bundle, loinc, observation, quantity } from './fhir-documents.ts';

const at = '2024-03-02T09:10:00Z';
const [heartRate, systolic, diastolic] = ['8867-4', '8480-6', '8462-4'];
const [corrected, error] = [{ status: 'corrected' }, { status: 'entered-in-error', valueQuantity: undefined, dataAbsentReason: { coding: [{ code: 'error' }] } }];

/** Describes a Device in one way or another. */
type Describing = (serialNumber: string) => object;
const fully: Describing = (serialNumber) => ({ serialNumber, manufacturer: 'Maker', modelNumber: 'Model' });
/** One whose serial number is all the others composed: its readings have the names that those of a fully described one had before. */
const formerly: Describing = (serialNumber) => ({ serialNumber: `Maker:Model:${serialNumber}` });

/** A delivery of a device with this serial number that is described in that way. */
type Body = (serialNumber: string, describing: Describing) => object;
const measured = (code: string, value: number, more: object = {}): Body => (serialNumber, describing) => ({
  ...observation(loinc(code), '', at, { valueQuantity: quantity(value, code === heartRate ? '/min' : 'mm[Hg]'), ...more }), contained: [{ resourceType: 'Device', id: 'device', ...describing(serialNumber) }],
});
const together = (...bodies: readonly Body[]): Body => (...of) => bundle('collection', bodies.map((body) => body(...of)));
/** Under an identifier of its own. */
const identified = (body: Body): Body => (serialNumber, describing) => ({ ...body(serialNumber, describing), identifier: [{ system: 'urn:ids', value: serialNumber }] });
/** In another body, which is not known as the same delivery. */
const once = (body: Body): Body => (...of) => ({ ...body(...of), language: 'en' });

const pulse = measured(heartRate, 60);
const pair = together(measured(systolic, 220), measured(diastolic, 80));
const half = together(identified(measured(systolic, 220)), measured(diastolic, 80));

type Situation = readonly [situation: string, before: readonly Body[], after: readonly Body[], charted: Readonly<Record<string, number[]>>, states: readonly string[]];
const situations: readonly Situation[] = [
  ['a reading comes corrected', [pulse], [measured(heartRate, 64, corrected)], { 'Heart rate': [64] }, ['normalized', 'superseded: corrected']],
  ['a reading is withdrawn', [pulse], [measured(heartRate, 0, error)], {}, ['withdrawn: entered-in-error', 'withdrawn: entered-in-error']],
  ['a reading comes again', [pulse], [pulse], { 'Heart rate': [60] }, ['normalized']],
  ['another value of the same moment comes', [pulse], [measured(heartRate, 61)], { 'Heart rate': [60, 61] }, ['normalized', 'normalized']],
  ['a reading with an identifier comes again', [identified(pulse)], [identified(pulse)], { 'Heart rate': [60] }, ['normalized']],
  ['a pair comes corrected', [pair], [together(measured(systolic, 121, corrected), measured(diastolic, 81, corrected))],
    { 'Systolic blood pressure': [121], 'Diastolic blood pressure': [81] }, ['normalized', 'superseded: corrected']],
  ['a pair is withdrawn', [pair], [together(measured(systolic, 0, error), measured(diastolic, 0, error))], {}, ['withdrawn: entered-in-error', 'withdrawn: entered-in-error']],
  ['a pair comes again', [pair], [pair], { 'Systolic blood pressure': [220], 'Diastolic blood pressure': [80] }, ['normalized']],
  ['a pair of which one has an identifier comes twice, new', [], [half, once(half)], { 'Systolic blood pressure': [220], 'Diastolic blood pressure': [80] }, ['normalized']],
  ['the first of a pair comes corrected', [pair], [measured(systolic, 121, corrected)], { 'Systolic blood pressure': [121], 'Diastolic blood pressure': [80] }, ['normalized', 'normalized']],
  ['the second of a pair is withdrawn', [pair], [measured(diastolic, 0, error)], { 'Systolic blood pressure': [220] }, ['normalized', 'withdrawn: entered-in-error']],
  ['two that came apart come corrected together', [measured(systolic, 220), measured(diastolic, 80)], [together(measured(systolic, 121, corrected), measured(diastolic, 81, corrected))],
    { 'Systolic blood pressure': [121], 'Diastolic blood pressure': [81] }, ['normalized', 'superseded: corrected', 'superseded: corrected']],
  ['one of two that came apart came since, and both come corrected together', [measured(systolic, 220)], [measured(diastolic, 80), together(measured(systolic, 121, corrected), measured(diastolic, 81, corrected))],
    { 'Systolic blood pressure': [121], 'Diastolic blood pressure': [81] }, ['normalized', 'superseded: corrected', 'superseded: corrected']],
];

describe('readings of a device of FHIR that had another name before', () => {
  let vitalgate: TestVitalgate;
  let sender: Client;
  const deliver = (body: object) => answered<{ _id: string }>(sender.post('/health-data/medisante', body));
  const assign = (patient: string, serialNumber: string) =>
    answered(service(vitalgate, patient).post('/devices/assign', { ...cuff(`Maker:Model:${serialNumber}`), serialNumber, assignedFrom: '2024-01-01T00:00:00Z' }));
  const idle = async () => expect(await eventually(async () => (await vitalgate.database.pool.query('select from graphile_worker.jobs')).rowCount, (count) => count === 0)).toBe(0);
  const charted = async (patient: string, type: string) =>
    Object.fromEntries((await answered<Series[]>(service(vitalgate, patient).get(`/chart-data?normalizedDataType=${type}`))).flatMap(({ name, data }) => (data.length > 0 ? [[name.replace(/ \[.*/, ''), data.map(({ y }) => y)]] : [])));
  const statesOf = async (patient: string) =>
    (await answered<KeptRecord[]>(service(vitalgate).get(`/health-data?patientId=${patient}&_l=200`))).map(({ state, reason }) => (reason === undefined ? state : `${state}: ${reason}`)).toSorted();

  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
    sender = clientWith(vitalgate.urls.deviceManager, { 'x-api-key': (await vitalgate.createWebhookKey()).key });
  });
  afterAll(() => vitalgate.stop());

  const whens = [['kept', true], ['waiting', false]] as const;
  test.each(situations.flatMap(([situation, ...row]) => whens.map(([when, isAssigned]) => [`${situation}, ${when}`, isAssigned, ...row] as const)))('%s', async (_situation, isAssigned, before, after, expected, states) => {
    const [patient, serialNumber] = [newPatient(), `SN-${randomUUID()}`];
    if (isAssigned) await assign(patient, serialNumber);
    for (const body of [...before.map((one) => one(serialNumber, formerly)), ...after.map((one) => one(serialNumber, fully))]) {
      await deliver(body);
      await idle();
    }
    if (!isAssigned) await assign(patient, serialNumber);
    await idle();
    expect([{ ...(await charted(patient, 'heart-rate')), ...(await charted(patient, 'blood-pressure')) }, await statesOf(patient)]).toEqual([expected, states]);
  });

  test.each([['a reading', pulse], ['a reading with an identifier', identified(pulse)], ['a pair', pair]])('these tests name %s as it was named before', async (_situation, body) => {
    const sending = { identityKey: randomBytes(32), sender: `sender-${randomUUID()}`, correlationId: 'c' };
    const named = async (readings: ReturnType<typeof readFhir>['readings']) => (await nameReadings(vitalgate.database.pool, sending, { format: 'fhir-json', readings })).map(({ sampleId, identity }) => ({ sampleId, identity }));
    const ofDevice = (identity: ReadingIdentity | undefined) => identity && { ...identity, parts: [...(identity.kind === 'natural' ? ['Maker:Model:SN9'] : identity.parts.slice(0, 1)), ...identity.parts.slice(1)] };
    const { readings } = readFhir(body('SN9', fully));
    const before = await named(readings.map((reading) => ({ ...reading, deviceName: 'Maker:Model:SN9', formerDeviceName: undefined, identity: ofDevice(reading.identity), otherIdentity: ofDevice(reading.otherIdentity) })));
    expect(await named(readFhir(body('SN9', formerly)).readings)).toEqual(before);
    expect((await named(readings))[0]?.sampleId).not.toBe(before[0]?.sampleId);
  });
});
