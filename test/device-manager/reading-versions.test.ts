import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { accessTokenOf, answered, clientWith, cuff, eventually, newPatient, service, type Client, type KeptRecord, type Series } from './client.ts';
import type { Bundle } from './vital-signs.ts';
import { bundle, loinc, observation, pressure, pulse, quantity } from './fhir-documents.ts';

const at = '2024-03-02T09:10:00Z';

describe('readings that FHIR sends again, corrects and withdraws', () => {
  let vitalgate: TestVitalgate;
  let sender: Client;
  let operator: Client;
  const deliver = async (body: unknown) => (await answered<{ _id: string }>(sender.post('/health-data/medisante', body)))._id;
  const held = async () => {
    const [patient, device] = [newPatient(), `VERSIONS-${randomUUID()}`];
    await answered(service(vitalgate, patient).post('/devices/assign', { ...cuff(device), serialNumber: device, assignedFrom: '2024-01-01T00:00:00Z' }));
    return [patient, device] as const;
  };
  const idle = async () => expect(await eventually(async () => (await vitalgate.database.pool.query('select from graphile_worker.jobs')).rowCount, (count) => count === 0)).toBe(0);
  const charted = async (patient: string, type: string) =>
    Object.fromEntries((await answered<Series[]>(service(vitalgate, patient).get(`/chart-data?normalizedDataType=${type}`))).flatMap(({ name, data }) => (data.length > 0 ? [[name.replace(/ \[.*/, ''), data.map(({ y }) => y)]] : [])));
  const samplesOf = (patient: string) => answered<(KeptRecord & { recordedAt: string })[]>(service(vitalgate).get(`/health-data?patientId=${patient}&_l=200&_p=recordedAt,rawData,rawDataType,patientId,normalizedData,reason`));
  const statesOf = async (patient: string) => (await samplesOf(patient)).map(({ state, reason }) => (reason === undefined ? state : `${state}: ${reason}`)).toSorted();
  const measured = (device: string, code: string, value: number, unit: string, more: object = {}) => observation(loinc(code), device, at, { valueQuantity: quantity(value, unit), ...more });

  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
    sender = clientWith(vitalgate.urls.deviceManager, { 'x-api-key': (await vitalgate.createWebhookKey()).key });
    operator = clientWith(vitalgate.urls.deviceManager, { authorization: `Bearer ${await accessTokenOf(vitalgate, 'operator')}` });
  });
  afterAll(() => vitalgate.stop());

  test.each<[string, (device: string) => readonly object[], string, Record<string, number[]>]>([
    ['three amended values of one breath', (device) => [measured(device, '19868-9', 3.9, 'L', { status: 'amended' }), measured(device, '20150-9', 3.1, 'L', { status: 'amended' }), measured(device, '19935-6', 410, 'L/min', { status: 'amended' })],
      'spirometry', { 'Forced vital capacity': [3.9], FEV1: [3.1], 'Maximum expiratory gas flow Respiratory system airway by Peak flow meter': [410] }],
    ['a saturation whose perfusion index was an error', (device) => [measured(device, '59408-5', 97, '%'), measured(device, '61006-3', 3, '%', { status: 'entered-in-error' })],
      'oxygen-saturation', { 'Oxygen saturation in Arterial blood by Pulse oximetry': [97] }],
    ['a blood pressure whose mean is corrected', (device) => [pressure(device, at, 120, 80), measured(device, '8478-0', 93, 'mm[Hg]', { status: 'corrected' })],
      'blood-pressure', { 'Systolic blood pressure': [120], 'Diastolic blood pressure': [80], 'Mean blood pressure': [93] }],
    ['steps of an hour and of the day that begins with it', (device) => [3000, 9000].map((steps, index) => ({ ...measured(device, '55423-8', steps, '{steps}', { status: 'amended' }), effectiveDateTime: undefined, effectivePeriod: { start: at, end: ['2024-03-02T10:10:00Z', '2024-03-03T09:10:00Z'][index] } })),
      'step-count', { 'Number of steps in unspecified time Pedometer': [3000, 9000] }],
  ])('without an identifier, %s are values of their own', async (_situation, bodies, type, expected) => {
    const [anna, device] = await held();
    await deliver(bundle('collection', bodies(device)));
    await idle();
    expect(await charted(anna, type)).toEqual(expected);
  });

  describe('the same measurement with other surroundings', () => {
    test.each<[string, (device: string, more: object) => readonly [object, object]]>([
      ['in a Bundle with its patient, then alone', (device, more) => {
        const reading = pulse(device, at, 61, { subject: { reference: 'Patient/p1' }, ...more });
        return [bundle('collection', [{ resourceType: 'Patient', id: 'p1', identifier: [{ value: randomUUID() }] }, reading]), reading];
      }],
      ['with the milliseconds of its instant', (device, more) => [pulse(device, at, 61, more), pulse(device, '2024-03-02T09:10:00.000Z', 61, more)]],
      ['in another time zone', (device, more) => [pulse(device, at, 61, more), pulse(device, '2024-03-02T10:10:00+01:00', 61, more)]],
      ['with an interpretation', (device, more) => [pulse(device, at, 61, more), pulse(device, at, 61, { ...more, interpretation: [{ coding: [{ code: 'N' }] }] })]],
      ['with the maker of the device', (device, more) => [pulse(device, at, 61, more), pulse(device, at, 61, { ...more, contained: [{ resourceType: 'Device', id: 'device', serialNumber: device, manufacturer: 'Maker' }] })]],
    ])('%s, is kept once, whether it has a name or not', async (_situation, both) => {
      for (const more of [{}, { identifier: [{ system: 'urn:ids', value: randomUUID() }] }]) {
        const [anna, device] = await held();
        for (const body of both(device, more)) await deliver(body);
        await idle();
        expect(await statesOf(anna)).toEqual(['normalized']);
      }
    });

    test('twice in a Bundle, with another between, is kept once, and each as what it is', async () => {
      const [anna, device] = await held();
      const [one, two] = [pulse(device, at, 61), pulse(device, '2024-03-02T09:11:00Z', 162)];
      await deliver(bundle('collection', [one, two, one]));
      await idle();
      expect((await samplesOf(anna)).map(({ recordedAt, normalizedData }) => [recordedAt, normalizedData?.observations[0]?.value])).toEqual([['2024-03-02T09:11:00.000Z', 162], ['2024-03-02T09:10:00.000Z', 61]]);
    });

    test('is another measurement once its value, unit or status differs', async () => {
      const [anna, device] = await held();
      for (const body of [pulse(device, at, 61), pulse(device, at, 62), measured(device, '8867-4', 61, '/s'), pulse(device, at, 61, { status: 'preliminary' })]) await deliver(body);
      expect(await samplesOf(anna)).toHaveLength(4);
    });

    test('is kept once it names the right patient, and nothing is doubled when what waits is released', async () => {
      const [[anna, device], [ben]] = [await held(), await held()];
      const first = await deliver(pulse(device, at, 61, { subject: { identifier: { value: ben } } }));
      expect(await answered<KeptRecord>(service(vitalgate).get(`/health-data/${first}`))).toMatchObject({ state: 'quarantined', reason: 'patient-mismatch' });
      expect(await deliver(pulse(device, at, 61, { subject: { identifier: { value: anna } } }))).toBe(first);
      await idle();
      expect([await statesOf(anna), await charted(anna, 'heart-rate')]).toEqual([['normalized'], { 'Heart rate': [61] }]);
    });
  });

  describe('a correction that comes again, issued later than another one in between', () => {
    const issued = (status: string, hour: number) => ({ status, issued: `2024-03-02T${String(hour)}:00:00Z` });
    type Bodies = (device: string, more: object) => readonly object[];
    const pulses = (...versions: readonly (readonly [value: number, status: string, hour: number])[]): Bodies => (device, more) => versions.map(([value, status, hour]) => pulse(device, at, value, { ...more, ...issued(status, hour) }));
    const half = (code: string, value: number, status: string, hour: number): ((device: string, more: object) => object) => (device, { identifier }: { identifier?: { value: string }[] }) =>
      measured(device, code, value, 'mm[Hg]', { ...issued(status, hour), ...(identifier && { identifier: [{ system: 'urn:ids', value: `${code}-${identifier[0]?.value ?? ''}` }] }) });
    const pair = (...[one, other]: readonly [ReturnType<typeof half>, ReturnType<typeof half>]): ReturnType<typeof half> => (...of) => bundle('collection', [one(...of), other(...of)]);
    const all = (...bodies: readonly ReturnType<typeof half>[]): Bodies => (...of) => bodies.map((body) => body(...of));
    const [systolic, diastolic] = ['8480-6', '8462-4'];

    const situations: readonly (readonly [situation: string, bodies: Bodies, type: string, charted: Record<string, number[]>, states: readonly string[]])[] = [
      ['corrected', pulses([60, 'final', 10], [61, 'corrected', 11], [62, 'corrected', 12], [61, 'corrected', 13]), 'heart-rate', { 'Heart rate': [61] }, ['normalized', 'superseded: corrected', 'superseded: corrected']],
      ['amended', pulses([60, 'final', 10], [61, 'amended', 11], [62, 'amended', 12], [61, 'amended', 13]), 'heart-rate', { 'Heart rate': [61] }, ['normalized', 'superseded: amended', 'superseded: amended']],
      ['twice, to and fro', pulses([60, 'final', 10], [61, 'corrected', 11], [62, 'corrected', 12], [61, 'corrected', 13], [62, 'corrected', 14]), 'heart-rate', { 'Heart rate': [62] }, ['normalized', 'superseded: corrected', 'superseded: corrected']],
      ['issued earlier again', pulses([60, 'final', 10], [61, 'corrected', 12], [62, 'corrected', 13], [61, 'corrected', 11]), 'heart-rate', { 'Heart rate': [62] }, ['normalized', 'superseded: corrected', 'superseded: corrected']],
      ['of one half of a blood pressure', all(pair(half(systolic, 220, 'final', 10), half(diastolic, 80, 'final', 10)), half(systolic, 121, 'corrected', 11), half(systolic, 122, 'corrected', 12), half(systolic, 121, 'corrected', 13)),
        'blood-pressure', { 'Systolic blood pressure': [121], 'Diastolic blood pressure': [80] }, ['normalized', 'normalized', 'superseded: corrected']],
      ['of both halves, of which one was issued again', all(pair(half(systolic, 121, 'corrected', 11), half(diastolic, 81, 'corrected', 14)), half(systolic, 122, 'corrected', 12), pair(half(systolic, 121, 'corrected', 13), half(diastolic, 81, 'corrected', 14))),
        'blood-pressure', { 'Systolic blood pressure': [121], 'Diastolic blood pressure': [81] }, ['normalized', 'superseded: corrected']],
    ];
    const orders: readonly (readonly [order: string, inOrder: (bodies: readonly object[]) => readonly object[]])[] = [
      ['in that order', (bodies) => bodies], ['in the other order', (bodies) => bodies.toReversed()], ['with the last one first', (bodies) => [...bodies.slice(-1), ...bodies.slice(0, -1)]],
    ];
    const table = situations.flatMap((row) => ['with identifiers', 'without identifiers'].flatMap((naming) => orders.map(([order, inOrder]) => [`${row[0]}, ${naming}, ${order}`, naming, inOrder, ...row.slice(1)] as const)));

    test.each(table)('%s', async (_situation, naming, inOrder, bodiesOf, type, expected, states) => {
      const [anna, device] = await held();
      const bodies = inOrder((bodiesOf as Bodies)(device, naming === 'with identifiers' ? { identifier: [{ system: 'urn:ids', value: randomUUID() }] } : {}));
      const outcome = async () => [await charted(anna, type as string), await statesOf(anna)];
      for (const body of bodies) {
        await deliver(body);
        await idle();
      }
      expect(await outcome()).toEqual([expected, states]);
      // The same again, as the same deliveries and in others, changes nothing.
      for (const body of bodies) {
        await deliver(body);
        await deliver({ ...body, language: 'en' });
      }
      await idle();
      expect(await outcome()).toEqual([expected, states]);
    });

    const toAndFro = pulses([60, 'final', 10], [61, 'corrected', 11], [62, 'corrected', 12], [61, 'corrected', 13]);

    test.each<[string, (bodies: readonly object[]) => readonly object[]]>([['one by one', (bodies) => bodies], ['in one Bundle', (bodies) => [bundle('collection', bodies)]]])('waits %s for its device, and counts when it is assigned', async (_situation, sent) => {
      const [anna, device] = [newPatient(), `VERSIONS-${randomUUID()}`];
      for (const body of sent(toAndFro(device, {}))) await deliver(body);
      await idle();
      expect((await vitalgate.database.pool.query('select from device_manager.quarantined_delivery where device_identifiers = $1', [[device]])).rowCount).toBe(3);
      await answered(service(vitalgate, anna).post('/devices/assign', { ...cuff(device), serialNumber: device, assignedFrom: '2024-01-01T00:00:00Z' }));
      await idle();
      expect([await charted(anna, 'heart-rate'), await statesOf(anna)]).toEqual([{ 'Heart rate': [61] }, ['normalized', 'superseded: corrected', 'superseded: corrected']]);
    });

    test('leaves the one in between where its payload is kept no longer: it could not be normalized', async () => {
      const [anna, device] = await held();
      const [first = {}, other = {}, again = {}] = pulses([71, 'corrected', 10], [72, 'corrected', 11], [71, 'corrected', 12])(device, {});
      for (const body of [first, other]) {
        await deliver(body);
        await idle();
      }
      const { rowCount } = await vitalgate.database.pool.query(
        `update device_manager.payload set body = null where patient_id = $1 and payload_id in (select payload_id from device_manager.whole_sample where patient_id = $1 and state = 'superseded')`, [anna]);
      await deliver(again);
      await idle();
      expect([rowCount, await charted(anna, 'heart-rate'), await statesOf(anna)]).toEqual([1, { 'Heart rate': [72] }, ['normalized', 'superseded: corrected']]);
    });

    test('comes with the others in one Bundle', async () => {
      const [anna, device] = await held();
      await deliver(bundle('collection', toAndFro(device, {})));
      await idle();
      expect([await charted(anna, 'heart-rate'), await statesOf(anna)]).toEqual([{ 'Heart rate': [61] }, ['normalized', 'superseded: corrected', 'superseded: corrected']]);
    });

    test('is no second final reading, of which the first stays', async () => {
      const [anna, device] = await held();
      for (const body of pulses([60, 'final', 10], [62, 'final', 11], [60, 'final', 12])(device, { identifier: [{ system: 'urn:ids', value: randomUUID() }] })) {
        await deliver(body);
        await idle();
      }
      expect([await charted(anna, 'heart-rate'), await statesOf(anna)]).toEqual([{ 'Heart rate': [60] }, ['normalization-failed: conflicting-reading', 'normalized']]);
    });
  });

  describe('a blood pressure that comes as two Observations', () => {
    const [systolic, diastolic] = ['8480-6', '8462-4'];
    const name = (code: string, run: string | undefined) => (run === undefined ? {} : { identifier: [{ system: 'urn:ids', value: `${code}-${run}` }] });
    const half = (device: string, run: string | undefined, code: string, value: number, more: object = {}) => measured(device, code, value, 'mm[Hg]', { ...name(code, run), ...more });
    type Bodies = (device: string, run: string | undefined) => readonly object[];
    const pair: Bodies = (device, run) => [bundle('collection', [half(device, run, systolic, 220), half(device, run, diastolic, 80)])];
    const [corrected, error] = [{ status: 'corrected' }, { status: 'entered-in-error', valueQuantity: undefined, dataAbsentReason: { coding: [{ code: 'error' }] } }];

    const issued = (minute: number) => ({ ...corrected, issued: `2024-03-02T10:0${String(minute)}:00Z` });
    const issuedApart = (device: string, run: string | undefined) => bundle('batch', [half(device, run, systolic, 121, issued(0)), half(device, run, diastolic, 81, issued(5))]);
    const between: Bodies = (device, run) => [half(device, run, diastolic, 85, issued(3)), issuedApart(device, run)];
    const turned = (body: object) => ('entry' in body && Array.isArray(body.entry) ? { ...body, entry: body.entry.toReversed() as unknown } : body);

    const situations: readonly (readonly [situation: string, bodies: Bodies, charted: Record<string, number[]>, states: readonly string[]])[] = [
      ['nothing more', pair, { 'Systolic blood pressure': [220], 'Diastolic blood pressure': [80] }, ['normalized']],
      ['one half withdrawn', (device, run) => [...pair(device, run), half(device, run, systolic, 0, error)], { 'Diastolic blood pressure': [80] }, ['normalized', 'withdrawn: entered-in-error']],
      ['one half corrected', (device, run) => [...pair(device, run), half(device, run, systolic, 121, corrected)], { 'Systolic blood pressure': [121], 'Diastolic blood pressure': [80] }, ['normalized', 'normalized']],
      ['the other half corrected', (device, run) => [...pair(device, run), half(device, run, diastolic, 81, corrected)], { 'Systolic blood pressure': [220], 'Diastolic blood pressure': [81] }, ['normalized', 'normalized']],
      ['both halves corrected one by one', (device, run) => [...pair(device, run), half(device, run, systolic, 121, corrected), half(device, run, diastolic, 81, corrected)],
        { 'Systolic blood pressure': [121], 'Diastolic blood pressure': [81] }, ['normalized', 'normalized', 'superseded: corrected']],
      ['both corrected together', (device, run) => [...pair(device, run), bundle('batch', [half(device, run, diastolic, 81, corrected), half(device, run, systolic, 121, corrected)])],
        { 'Systolic blood pressure': [121], 'Diastolic blood pressure': [81] }, ['normalized', 'superseded: corrected']],
      ['one half corrected and the other withdrawn', (device, run) => [...pair(device, run), half(device, run, systolic, 121, corrected), half(device, run, diastolic, 0, error)],
        { 'Systolic blood pressure': [121] }, ['normalized', 'superseded: corrected', 'withdrawn: entered-in-error']],
      ['one half corrected between the two corrections that came together', between, { 'Systolic blood pressure': [121], 'Diastolic blood pressure': [81] }, ['normalized', 'superseded: corrected']],
      ['one half corrected between the two, which came in the other order', (device, run) => between(device, run).map(turned), { 'Systolic blood pressure': [121], 'Diastolic blood pressure': [81] }, ['normalized', 'superseded: corrected']],
      ['both corrected together, and one of them later alone', (device, run) => [turned(issuedApart(device, run)), half(device, run, systolic, 122, issued(3))],
        { 'Systolic blood pressure': [122], 'Diastolic blood pressure': [81] }, ['normalized', 'normalized']],
    ];
    const orders: readonly (readonly [order: string, inOrder: (bodies: readonly object[]) => readonly object[]])[] = [['in that order', (bodies) => bodies], ['in the other order', (bodies) => bodies.toReversed()]];
    const table = situations.flatMap((row) => ['with identifiers', 'without identifiers'].flatMap((naming) => orders.map(([order, inOrder]) => [`${row[0]}, ${naming}, ${order}`, naming, inOrder, ...row.slice(1)] as const)));

    test.each(table)('%s', async (_situation, naming, inOrder, bodies, expected, states) => {
      const [anna, device] = await held();
      for (const body of inOrder((bodies as Bodies)(device, naming === 'with identifiers' ? randomUUID() : undefined))) {
        await deliver(body);
        await idle();
      }
      expect([await charted(anna, 'blood-pressure'), await statesOf(anna)]).toEqual([expected, states]);
      // Normalizing them again, one by one or with new rules, brings nothing back.
      for (const { _id } of await samplesOf(anna)) await answered(service(vitalgate).send(`/health-data/normalize-data/${_id}`, { method: 'PATCH' }));
      expect((await operator.post('/renormalizations', { patientId: anna, dryRun: false })).status).toBe(202);
      await idle();
      expect([await charted(anna, 'blood-pressure'), await statesOf(anna)]).toEqual([expected, states]);
    });

    test.each([['before', true], ['after', false]])('a withdrawal of one half without device and time, received %s it, finds it by identifier', async (_situation, early) => {
      const [[anna, device], run] = [await held(), randomUUID()];
      const withdrawal = { resourceType: 'Observation', status: 'entered-in-error', code: loinc(diastolic), ...name(diastolic, run) };
      for (const body of early ? [withdrawal, ...pair(device, run)] : [...pair(device, run), withdrawal]) await deliver(body);
      await idle();
      expect([await charted(anna, 'blood-pressure'), await statesOf(anna)]).toEqual([{ 'Systolic blood pressure': [220] }, ['normalized', 'withdrawn: entered-in-error']]);
    });

    test.each<[order: string, names: readonly string[]]>([
      ['first, and takes back each half that comes', ['both', 'systolic', 'diastolic']], ['first, and takes back the other half alone', ['both', 'diastolic']],
      ['between them', ['systolic', 'both', 'diastolic']], ['last', ['systolic', 'diastolic', 'both']],
    ])('a withdrawal of both together, of which nobody knows the device, comes %s', async (_order, names) => {
      const [[anna, device], run] = [await held(), randomUUID()];
      const gone = (code: string) => half(`UNKNOWN-${run}`, run, code, 0, error);
      const bodies: Readonly<Record<string, object>> = { both: bundle('batch', [gone(systolic), gone(diastolic)]), systolic: half(device, run, systolic, 220), diastolic: half(device, run, diastolic, 80) };
      for (const sent of names) {
        await deliver(bodies[sent]);
        await idle();
      }
      expect([await charted(anna, 'blood-pressure'), await statesOf(anna)]).toEqual([{}, names.map(() => 'withdrawn: entered-in-error')]);
    });

    test('a half corrected to another time is at that time alone, and FHIR says of the other why it stands alone', async () => {
      const [[anna, device], run] = [await held(), randomUUID()];
      for (const body of [...pair(device, run), half(device, run, systolic, 121, { ...corrected, effectiveDateTime: '2024-03-02T10:10:00Z' })]) await deliver(body);
      await idle();
      expect(await charted(anna, 'blood-pressure')).toEqual({ 'Systolic blood pressure': [121], 'Diastolic blood pressure': [80] });
      const { entry } = await answered<Bundle>(service(vitalgate, anna).get('/fhir/Observation'));
      expect(entry?.map(({ resource: { effectiveDateTime, component } }) => [effectiveDateTime, component?.map(({ valueQuantity, dataAbsentReason }) => valueQuantity?.value ?? dataAbsentReason)])).toEqual([
        ['2024-03-02T10:10:00.000Z', [121, expect.objectContaining({ text: 'not-sent' })]], ['2024-03-02T09:10:00.000Z', [expect.objectContaining({ text: 'corrected' }), 80]],
      ]);
    });

    test('two under one identifier are as late as the later of them', async () => {
      const [[anna, device], run] = [await held(), randomUUID()];
      const named = (code: string, value: number, minute: number) => half(device, undefined, code, value, { ...issued(minute), ...name('both', run) });
      for (const body of [named(diastolic, 85, 3), bundle('batch', [named(systolic, 121, 0), named(diastolic, 81, 5)])]) await deliver(body);
      await idle();
      expect([await charted(anna, 'blood-pressure'), await statesOf(anna)]).toEqual([{ 'Systolic blood pressure': [121], 'Diastolic blood pressure': [81] }, ['normalized', 'superseded: corrected']]);
    });

    test('the same two twice in a Bundle are one', async () => {
      const [anna, device] = await held();
      const [one, two] = [half(device, undefined, systolic, 120), half(device, undefined, diastolic, 80)];
      await deliver(bundle('collection', [one, two, one, two]));
      await idle();
      expect([await charted(anna, 'blood-pressure'), await statesOf(anna)]).toEqual([{ 'Systolic blood pressure': [120], 'Diastolic blood pressure': [80] }, ['normalized']]);
    });

    test('two of three that are kept together, because the third is known, stay two', async () => {
      const [anna, device] = await held();
      const known = half(device, undefined, diastolic, 81);
      await deliver(known);
      await deliver(bundle('collection', [half(device, undefined, systolic, 120), half(device, undefined, diastolic, 80), known]));
      await idle();
      expect([await charted(anna, 'blood-pressure'), await statesOf(anna)]).toEqual([{ 'Systolic blood pressure': [120], 'Diastolic blood pressure': [81, 80] }, ['normalized', 'normalized', 'normalized']]);
    });

    test('what was submitted of both is superseded once one does not count', async () => {
      const [[anna, device], run] = [await held(), randomUUID()];
      for (const body of pair(device, run)) await deliver(body);
      await idle();
      const { pool } = vitalgate.database;
      await pool.query(`insert into device_manager.submission (patient_id, requested, _id, sample_id, plan_id, normalized_type, rule_id, rule_version, observed_at, state, sent_at)
        select patient_id, false, gen_random_uuid(), _id, 'plan', normalized_type, rule_id, rule_version, recorded_at, 'delivered', now() from device_manager.whole_sample where patient_id = $1`, [anna]);
      await deliver(half(device, run, systolic, 121, corrected));
      await idle();
      expect((await pool.query('select state, superseded_at from device_manager.submission where patient_id = $1', [anna])).rows).toEqual([{ state: 'delivered', superseded_at: expect.any(Date) }]);
    });
  });
});
