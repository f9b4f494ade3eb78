import type { Readings } from '../reading.ts';
import { entriesOf, mostEntries } from './bundle.ts';
import { measurementsOf } from './measurements.ts';
import { readingFrom, type FhirReading } from './observation.ts';
import { pairHalves } from './pairing.ts';
import { createResolver, type Resolve, type Way } from './reference.ts';
import { addReports } from './report.ts';
import { hasUnknownModifier, listIn, resourceIn, textIn, type Entry, type Resource } from './resource.ts';

/** A FHIR delivery taken apart, and the resources it is made of. */
export interface FhirReadings extends Readings {
  readonly readings: readonly FhirReading[];
  readonly entries: readonly Entry[];
}

/** Positions of the Observations that one holds together which measures nothing itself; undefined when it is no such panel. */
const panelOf = (entry: Entry, own: number, resolve: Resolve): number[] | undefined => {
  const { resource } = entry;
  if (resource['resourceType'] !== 'Observation' || Object.keys(measurementsOf(resource).metrics).length > 0) return undefined;
  const members = listIn(resource['hasMember']).flatMap((member) => resolve(member, entry)?.position ?? []).filter((position) => position !== own);
  return members.length > 0 ? members : undefined;
};

const readEntries = (entries: readonly Entry[], resolve: Resolve): FhirReading[] => {
  const panels = entries.map((entry, position) => panelOf(entry, position, resolve));
  const pairs = panels.flatMap((members, panel) => (members ?? []).map((member) => [member, panel] as const));
  const holding = Map.groupBy(pairs, ([member]) => member);
  return entries.flatMap((entry, position): FhirReading[] => {
    const { resource } = entry;
    if (resource['resourceType'] !== 'Observation' || panels[position]) return [];
    const reading = readingFrom(resource, entry, position, resolve, measurementsOf(resource));
    const held = (holding.get(position) ?? []).map(([, panel]) => panel);
    const isModified = held.some((panel) => hasUnknownModifier(entries[panel]?.resource ?? {}));
    return [{ ...reading, positions: [...reading.positions, ...held], ...(isModified && { unfit: 'unknown-modifier' as const }) }];
  });
};

const correlationOf = (value: Resource, entries: readonly Entry[]): string | undefined => {
  const [bundleId, headerId] = [textIn(value['id']), textIn(entries[0]?.resource['id'])];
  if (value['type'] === 'message' && bundleId !== undefined && headerId !== undefined) return `fhir:message:${headerId}:${bundleId}`;
  const { system, value: identifier } = resourceIn(value['identifier']);
  return value['resourceType'] === 'Bundle' && textIn(identifier) !== undefined ? `fhir:bundle:${textIn(system) ?? ''}|${textIn(identifier) ?? ''}` : undefined;
};

/**
 * The readings of a FHIR R4 delivery in order: one per Observation, one for two that are the halves of a blood pressure, one for a
 * report with a document. References are followed inside the delivery only. A delivery with too many entries is not read.
 */
export const readFhir = (value: unknown, way: Way = 'now'): FhirReadings => {
  const entries = entriesOf(value);
  if (typeof entries === 'string') return { readings: [], entries: [], unfit: entries };
  if (entries.length > mostEntries) return { readings: [], entries };
  const resolve = createResolver(entries, way);
  const readings = addReports(pairHalves(readEntries(entries, resolve)), entries, resolve, way);
  const correlationId = correlationOf(resourceIn(value), entries);
  return { readings, entries, ...(correlationId !== undefined && { correlationId }), ...(readings.length === 0 && { unfit: 'not-a-delivery' as const }) };
};
