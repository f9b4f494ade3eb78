import type { Reading } from '../reading.ts';
import { devicesOf } from './device.ts';
import { effectiveOf, identityOf, instantIn, statusOf } from './identity.ts';
import type { Measurements } from './measurements.ts';
import { identifierValues, namedBy, typedIdOf, type Resolve } from './reference.ts';
import { distinct, hasUnknownModifier, resourceIn, textIn, type Entry, type Resource } from './resource.ts';

/** A reading, and the positions of the entries of its delivery that it needs, its own first. */
export interface FhirReading extends Reading {
  readonly positions: readonly number[];
  /** Which half of a blood pressure it is alone. */
  readonly half?: Measurements['half'];
  /** What it has in common with the other half; without one it stays alone. */
  readonly occasion?: string | undefined;
  readonly measured: Measurements;
}

const subjectOf = (resource: Resource, entry: Entry, resolve: Resolve): { subjects: string[]; positions: number[]; used: Resource[] } => {
  const { subject } = resource;
  const found = resolve(subject, entry);
  const positions = found?.position === undefined ? [] : [found.position];
  if (found !== undefined && found.resource['resourceType'] !== 'Patient') return { subjects: [], positions: [], used: [] };
  const id = /^Patient\/(.+)$/.exec(typedIdOf(textIn(resourceIn(subject)['reference']) ?? '') ?? '')?.[1];
  return { subjects: distinct([...(found ? identifierValues(found.resource) : []), ...namedBy(subject), id]).slice(0, 50), positions, used: found ? [found.resource] : [] };
};

/** The measurement in the shape of a Medisanté delivery. */
export const documentOf = ({ type, metrics, annotations }: Measurements, { outer, inner, timestamp }: { outer: object | undefined; inner: object | undefined; timestamp: string | undefined }) => ({
  metadata: { ...(type !== undefined && { measurementType: type }) },
  device: outer ?? {},
  measurements: { ...metrics, annotations, ...(inner && { device: inner }), ...(timestamp !== undefined && { timestamp }) },
});

/**
 * Reads a resource that stands for one measurement; `measured` is that measurement in Medisanté's names. A modifier of whatever says whose
 * it is makes it unfit, like one of its own.
 */
export const readingFrom = (resource: Resource, entry: Entry, position: number, resolve: Resolve, measured: Measurements): FhirReading => {
  const { type, name, half, sources } = measured;
  const { device, gateway } = devicesOf(resource, entry, resolve);
  const measuring = device !== undefined && device.identifiers.length > 0 ? device : gateway;
  const { subjects, positions, used } = subjectOf(resource, entry, resolve);
  const { start, end } = effectiveOf(resource);
  const status = statusOf(resource['status']);
  const joins = half !== undefined && entry.apart !== true && device?.name !== undefined && start !== undefined;
  const devices = { outer: (gateway ?? device)?.described, inner: gateway && device?.described };
  return {
    document: documentOf(measured, { ...devices, timestamp: start?.text }),
    received: resource, measurementType: type, subjects, measuredAt: start, endedAt: end, sources, half, measured, ...(joins && { occasion: JSON.stringify([device.name, start.epochMs, status, subjects]) }),
    identifiers: measuring?.identifiers ?? [], deviceName: measuring?.name, formerDeviceName: measuring?.formerName, deviceModel: measuring?.deviceModel,
    status, issuedAt: instantIn(resource['issued']),
    identity: identityOf(resource, entry, { type, name, device: device?.name, start, end }),
    positions: [position, ...positions, ...(device?.positions ?? []), ...(gateway?.positions ?? [])],
    ...([resource, ...used, ...(device?.used ?? []), ...(gateway?.used ?? [])].some(hasUnknownModifier) && { unfit: 'unknown-modifier' as const }),
  };
};
