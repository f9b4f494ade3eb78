import { deviceModelOf } from '../device-model.ts';
import { identifierValues, namedBy, typedIdOf, type Referred, type Resolve } from './reference.ts';
import { distinct, listIn, resourceIn, textIn, type Entry, type Resource } from './resource.ts';

/** A device as an Observation names it: what it may be called, and how Medisanté would describe it. */
export interface NamedDevice {
  readonly identifiers: readonly string[];
  /** `Manufacturer:Model`, where it says both; a name that people gave it is no model. */
  readonly deviceModel: string | undefined;
  readonly described: Readonly<Record<string, string>>;
  /** Entries that were looked at. */
  readonly positions: readonly number[];
  /** Resources that were looked at, in entries or contained. */
  readonly used: readonly Resource[];
}

const gatewayExtension = 'http://hl7.org/fhir/StructureDefinition/observation-gatewayDevice';

/** The Device a reference means: itself, or through DeviceMetric.source (two steps at most). */
const followed = (reference: unknown, from: Entry, resolve: Resolve): Referred[] => {
  const found = resolve(reference, from);
  if (found?.resource['resourceType'] !== 'DeviceMetric') return found ? [found] : [];
  const source = resolve(found.resource['source'], found.from);
  return source ? [source, found] : [found];
};

const described = (device: Resource): Record<string, string> => {
  const [manufacturer, model, serialNumber] = [textIn(device['manufacturer']), textIn(device['modelNumber']) ?? textIn(listIn(device['deviceName'])[0]?.['name']), textIn(device['serialNumber'])];
  return { ...(manufacturer !== undefined && { manufacturer }), ...(model !== undefined && { model }), ...(serialNumber !== undefined && { serialNumber }) };
};

/** Names of a length that devices have; nobody has more than fifty. */
const names = (texts: readonly (string | undefined)[]): string[] => distinct(texts).filter((text) => text.length <= 200).slice(0, 50);

const named = (reference: unknown, from: Entry, resolve: Resolve): NamedDevice | undefined => {
  if (reference === undefined) return undefined;
  const found = followed(reference, from, resolve);
  const device = found[0]?.resource['resourceType'] === 'Device' ? found[0].resource : {};
  const about = described(device);
  const whole = about['manufacturer'] !== undefined && about['model'] !== undefined && about['serialNumber'] !== undefined ? `${about['manufacturer']}:${about['model']}:${about['serialNumber']}` : undefined;
  const literal = typedIdOf(textIn(resourceIn(reference)['reference']) ?? '');
  const identifiers = names([whole, ...identifierValues(device), about['serialNumber'], ...namedBy(reference), ...(literal?.startsWith('Device/') === true ? [literal] : [])]);
  const deviceModel = deviceModelOf(identifierValues(device), about['manufacturer'], textIn(device['modelNumber']));
  return { identifiers, deviceModel, described: { ...(identifiers[0] !== undefined && { id: identifiers[0] }), ...about }, positions: found.flatMap(({ position }) => position ?? []), used: found.map(({ resource }) => resource) };
};

/** The device of an Observation, and the gateway that passed its reading on. */
export const devicesOf = (observation: Resource, entry: Entry, resolve: Resolve): { device?: NamedDevice | undefined; gateway?: NamedDevice | undefined } => {
  const extension = listIn(observation['extension']).find(({ url }) => url === gatewayExtension);
  return { device: named(observation['device'], entry, resolve), gateway: named(extension?.['valueReference'], entry, resolve) };
};
