import { randomBytes, randomUUID } from 'node:crypto';
import { bundle, pulse } from '../device-manager/fhir-documents.ts';
import { answered, bloodPressure, clientWith, eventually, service, type Client } from '../device-manager/client.ts';
import type { TestUser, TestVitalgate } from '../setup/vitalgate.ts';

/** A person whose traces can be told from everybody else's. */
export interface PlantedPatient {
  readonly user: TestUser;
  readonly id: string;
  /** Signed in at the BFF. */
  readonly app: Client;
  /** Where what was sent of the person says so: values, notes, names. */
  readonly canaries: Readonly<Record<string, string>>;
  /** Of the person's meter, a piece of hardware. */
  readonly serialNumber: string;
}

/** Digits that nobody else's value has. */
const digits = (): string => String(randomBytes(6).readUIntBE(0, 6)).padStart(15, '0').slice(-9).replace(/0$/, '7');
const word = (what: string): string => `${what}${randomBytes(6).toString('hex')}`;
const at = '2024-03-02T09:10:11Z';

/** One delivery of readings of several patients, each with the own canaries; another one of the same name says something else. */
export const sharedBundle = (patients: readonly PlantedPatient[], note: 'bundle note' | 'note that contradicts' = 'bundle note') =>
  bundle('transaction', patients.map(({ serialNumber, canaries }, index) => pulse(serialNumber, `2024-03-03T10:00:0${String(index)}Z`, Number(canaries['bundle value']), { note: [{ text: canaries[note] }] })), { identifier: { system: 'urn:example', value: 'the-shared-bundle' } });

/** Registers a person and leaves traces of them everywhere: account, mail, devices, uploads, deliveries, a deletion. */
export const plantPatient = async (vitalgate: TestVitalgate): Promise<PlantedPatient> => {
  const username = word('username');
  const user = await vitalgate.addUser({ username });
  const canaries = {
    username, email: `${username}@example.org`, 'upload value': `71.${digits()}`, 'upload note': word('uploadnote'), source: word('source'), 'name of the phone': word('phonename'),
    'name of the meter': word('metername'), 'delivery note': word('deliverynote'), 'delivery value': `68.${digits()}`, 'bundle value': `61.${digits()}`, 'bundle note': word('bundlenote'), 'note that contradicts': word('contradiction'),
  };
  const app = clientWith(vitalgate.urls.bff, { cookie: await vitalgate.signIn(user) });
  const planted = { user, id: user.id, app, canaries, serialNumber: word('serial') };
  await answered(app.post('/devices/assign', { deviceId: word('phone'), deviceType: 'Wearable', deviceProvider: 'apple-healthkit', name: canaries['name of the phone'] }));
  await answered(app.post('/devices/assign', { deviceId: planted.serialNumber, deviceType: 'Medical', deviceProvider: 'medisante', name: canaries['name of the meter'], assignedFrom: '2024-03-01T00:00:00Z' }));
  const sample = { id: randomUUID(), type: 'HeartRate', unit: 'bpm', value: Number(canaries['upload value']), startDate: at, endDate: at, sourceName: canaries.source, metadata: { note: canaries['upload note'] } };
  const removed = { ...sample, id: randomUUID(), startDate: '2024-03-02T09:11:11Z', endDate: '2024-03-02T09:11:11Z' };
  await answered(app.post('/health-data', [sample, removed]));
  await answered(app.post('/health-data/deletions', { deletions: [{ uuid: removed.id }] }));
  await app.post('/reset-password', { email: canaries.email });
  return planted;
};

/** Uploads what is no single value: a clinical record, an electrocardiogram, a route, a dose, a symptom, a workout. Answers the person with the traces of it. */
export const withOtherKinds = async (patient: PlantedPatient): Promise<PlantedPatient> => {
  const more = {
    'name of the allergy': word('allergyname'), 'text of the allergy': word('allergytext'), 'rate of the electrocardiogram': `62.${digits()}`, 'point of the route': `47.${digits()}`, 'name of the medication': word('medication'),
    'note on the symptom': word('symptomnote'), 'energy of the workout': `310.${digits()}`,
  };
  const of = (kind: string, minute: number, members: object) => {
    const instant = `2024-03-04T08:${String(minute).padStart(2, '0')}:00Z`;
    return { id: randomUUID(), type: kind, startDate: instant, endDate: instant, sourceName: patient.canaries['source'], ...members };
  };
  const allergy = { resourceType: 'AllergyIntolerance', id: '1', patient: { reference: 'Patient/77' }, code: { text: more['text of the allergy'] } };
  await answered(patient.app.post('/health-data', [
    of('HKClinicalTypeIdentifierAllergyRecord', 1, { displayName: more['name of the allergy'], fhirData: allergy, fhirRelease: 'R4', fhirVersion: '4.0.1' }),
    of('HKDataTypeIdentifierElectrocardiogram', 2, { averageHeartRate: Number(more['rate of the electrocardiogram']), classification: 'SinusRhythm', samplingFrequency: 512, voltageMeasurements: [[0, 1e-6], [0.002, 2e-6]] }),
    of('HKWorkoutRouteTypeIdentifier', 3, { locations: [{ latitude: Number(more['point of the route']), longitude: 8.5 }, { latitude: 47.1, longitude: 8.6 }] }),
    of('HKMedicationDoseEventTypeIdentifierMedicationDoseEvent', 4, { displayText: more['name of the medication'], status: 'Taken', dosage: 1, form: 'Tablet' }),
    of('HKCategoryTypeIdentifierHeadache', 5, { value: 2, metadata: { note: more['note on the symptom'] } }),
    of('HKWorkoutTypeIdentifier', 6, { activityName: 'Running', duration: 1800, totalEnergyBurned: Number(more['energy of the workout']) }),
  ]));
  return { ...patient, canaries: { ...patient.canaries, ...more } };
};

/** Has hardware deliver what was measured of a person. */
export const deliver = async (vitalgate: TestVitalgate, key: string, { serialNumber, canaries }: PlantedPatient): Promise<Response> => {
  const pressure = bloodPressure({ id: serialNumber }, at);
  const measurements = { ...pressure.measurements, pulse: { value: Number(canaries['delivery value']), unit: 'bpm' } };
  return clientWith(vitalgate.urls.deviceManager, { 'x-api-key': key }).post('/health-data/medisante', { ...pressure, note: canaries['delivery note'], measurements });
};

/** Waits until every sample of a person is normalized. */
export const settled = (vitalgate: TestVitalgate, { id }: PlantedPatient, samples: number): Promise<{ state: string }[]> =>
  eventually(() => answered<{ state: string }[]>(service(vitalgate, id).get('/health-data?_l=200')), (records) => records.filter(({ state }) => state === 'normalized').length >= samples);
