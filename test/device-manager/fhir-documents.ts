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
