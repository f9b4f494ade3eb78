/** FHIR resources as a sender would write them. */
export const loinc = (...codes: readonly string[]) => ({ coding: codes.map((code) => ({ system: 'http://loinc.org', code })) });
export const mdc = (...codes: readonly string[]) => ({ coding: codes.map((code) => ({ system: 'urn:iso:std:iso:11073:10101', code })) });
export const quantity = (value: unknown, code: string, unit = 'as displayed') => ({ value, unit, system: 'http://unitsofmeasure.org', code });

/** An Observation of a contained device, measured at an instant. */
export const observation = (code: object, serialNumber: string, effectiveDateTime: string | undefined, more: object = {}) => ({
  resourceType: 'Observation', status: 'final', code, device: { reference: '#device' }, contained: [{ resourceType: 'Device', id: 'device', serialNumber }],
  ...(effectiveDateTime !== undefined && { effectiveDateTime }), ...more,
});

export const component = (code: object, value: object) => ({ code, ...value });

/** The components of a blood pressure in mmHg. */
export const halves = (systolic: number, diastolic: number) => [
  component(loinc('8480-6'), { valueQuantity: quantity(systolic, 'mm[Hg]') }), component(loinc('8462-4'), { valueQuantity: quantity(diastolic, 'mm[Hg]') }),
];

/** A blood pressure with both components, in mmHg. */
export const pressure = (serialNumber: string, at: string, systolic: number, diastolic: number, more: object = {}) =>
  observation(loinc('85354-9'), serialNumber, at, { component: halves(systolic, diastolic), ...more });

/** A heart rate of a device. */
export const pulse = (serialNumber: string, at: string, value: number, more: object = {}) => observation(loinc('8867-4'), serialNumber, at, { valueQuantity: quantity(value, '/min'), ...more });

export const bundle = (type: string, resources: readonly object[], more: object = {}) => ({
  resourceType: 'Bundle', type, ...more,
  entry: resources.map((resource) => ({ resource, ...(['transaction', 'batch'].includes(type) && { request: { method: 'POST', url: 'Observation' } }) })),
});

/** A message: its header, then resources. */
export const message = (headerId: string, bundleId: string, resources: readonly object[]) =>
  bundle('message', [{ resourceType: 'MessageHeader', id: headerId, eventCoding: { code: 'observation' }, source: { endpoint: 'urn:example' } }, ...resources], { id: bundleId });

const at = '2024-03-02T09:10:00Z';
const ecg = { resourceType: 'Observation', id: 'ecg', status: 'final', code: loinc('11524-6'), device: { reference: '#device' }, effectiveDateTime: at, valueSampledData: { origin: { value: 0 }, period: 4, dimensions: 1, data: '1 2 3' } };

/** Resources that contain Observations, and what may stand in them or beside them. */
export const containing = {
  ecg,
  /** A report with its document, its electrocardiogram and the device of that inside. */
  report: (more: object = {}, serialNumber = 'ecg-device') => ({
    resourceType: 'DiagnosticReport', status: 'final', code: loinc('11524-6'), presentedForm: [{ contentType: 'application/pdf', data: 'JVBERi0xLjQK' }], result: [{ reference: '#ecg' }],
    contained: [{ resourceType: 'Device', id: 'device', serialNumber }, ecg], ...more,
  }),
  weight: observation(loinc('29463-7'), 'scale', at, { valueQuantity: quantity(71, 'kg') }),
  member: (id: string, value: number, more: object = {}) => ({ resourceType: 'Observation', id, status: 'final', code: loinc('8867-4'), device: { identifier: { value: 'watch' } }, effectiveDateTime: at, valueQuantity: quantity(value, '/min'), ...more }),
  panel: (more: object = {}) => ({ resourceType: 'Observation', id: 'panel', status: 'final', code: loinc('85353-1'), hasMember: [{ reference: '#a' }, { reference: '#b' }], ...more }),
};
