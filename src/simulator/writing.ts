import { fhirXml, medisanteXml } from './xml-documents.ts';

export const formats = ['medisantestandard-json', 'medisantestandard-xml', 'fhir-json', 'fhir-xml'] as const;
export type Format = (typeof formats)[number];

/** One value of a reading, as the Medisanté standard has it. */
export interface Metric {
  readonly value: number;
  readonly unit: string;
  readonly isInRange: boolean;
}

/** One measurement, whatever it will be written in. */
export interface SimulatedReading {
  readonly correlationId: string;
  readonly measurementType: string;
  /** Empty where the device is known by its serial number alone. */
  readonly deviceId: string;
  readonly serialNumber: string;
  /** UTC, ISO 8601. */
  readonly measuredAt: string;
  readonly metrics: Readonly<Record<string, Metric>>;
}

/** LOINC codes of the types, and of their metrics; a type that nobody knows has none. */
const typeCodes: Readonly<Record<string, string>> = { BloodPressure: '85354-9', BodyWeight: '29463-7', BodyTemperature: '8310-5', SpO2: '59408-5', Glucose: '14743-9' };
const metricCodes: Readonly<Record<string, string>> = {
  systolicBloodPressure: '8480-6', diastolicBloodPressure: '8462-4', pulse: '8867-4', bodyWeight: '29463-7', temperature: '8310-5', SpO2: '59408-5', glucose: '14743-9',
};
const ucumCodes: Readonly<Record<string, string>> = { mmHg: 'mm[Hg]', bpm: '/min', '°C': 'Cel' };

const delivery = ({ correlationId, measurementType, deviceId, serialNumber, measuredAt, metrics }: SimulatedReading) => ({
  metadata: { correlationId, receivedTime: measuredAt, deviceGroups: [], measurementType },
  device: { id: deviceId, serialNumber, IMEI: '900000000000001', manufacturer: 'Simulated', model: 'SIM100', timezone: 'UTC' },
  measurements: { ...metrics, timestamp: measuredAt },
});

const concept = (code: string | undefined, text: string) => (code === undefined ? { text } : { coding: [{ system: 'http://loinc.org', code }], text });
const quantity = ({ value, unit }: Metric) => ({ value, unit, system: 'http://unitsofmeasure.org', code: ucumCodes[unit] ?? unit });

/** An Observation with its Device inside: the value of the type's own code, everything else in components. */
const observation = ({ correlationId, measurementType, deviceId, serialNumber, measuredAt, metrics }: SimulatedReading) => {
  const code = typeCodes[measurementType];
  const own = Object.entries(metrics).find(([name]) => code !== undefined && metricCodes[name] === code);
  const others = Object.entries(metrics).filter((one) => one[0] !== own?.[0]);
  return {
    resourceType: 'Observation',
    contained: [{ resourceType: 'Device', id: 'device', ...(deviceId !== '' && { identifier: [{ value: deviceId }] }), serialNumber }],
    identifier: [{ system: 'urn:ietf:rfc:3986', value: `urn:simulation:${correlationId}` }],
    status: 'final',
    code: concept(code, measurementType),
    effectiveDateTime: measuredAt,
    ...(own && { valueQuantity: quantity(own[1]) }),
    device: { reference: '#device' },
    ...(others.length > 0 && { component: others.map(([name, metric]) => ({ code: concept(metricCodes[name], name), valueQuantity: quantity(metric) })) }),
  };
};

const writers: Readonly<Record<Format, { readonly contentType: string; readonly write: (reading: SimulatedReading) => string }>> = {
  'medisantestandard-json': { contentType: 'application/json', write: (reading) => JSON.stringify(delivery(reading)) },
  'medisantestandard-xml': { contentType: 'application/xml', write: (reading) => medisanteXml(delivery(reading)) },
  'fhir-json': { contentType: 'application/fhir+json', write: (reading) => JSON.stringify(observation(reading)) },
  'fhir-xml': { contentType: 'application/fhir+xml', write: (reading) => fhirXml(observation(reading)) },
};

/** A reading as a sender of that format would write it, and the media type to send it as. */
export const written = (format: Format, reading: SimulatedReading): { readonly contentType: string; readonly text: string } => {
  const { contentType, write } = writers[format];
  return { contentType, text: write(reading) };
};
