import { deviceModelOf } from '../device-model.ts';
import { baseOf, identifierValues, namedBy, typedIdOf, type Referred, type Resolve } from './reference.ts';
import { distinct, listIn, resourceIn, textIn, type Entry, type Resource } from './resource.ts';

/** A device as an Observation names it: what it may be called, and how Medisanté would describe it. */
export interface NamedDevice {
  readonly identifiers: readonly string[];
  /** What readings without an identifier are known by, and what they were known by before, where that is another name. */
  readonly name: string | undefined;
  readonly formerName?: string | undefined;
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

/**
 * The literal names of a Device: its address on its server, because each server has a `Device/7`, and after it the relative reference of a
 * sender that writes one.
 */
const literalsOf = (reference: string, base: string | undefined): string[] => {
  const typed = typedIdOf(reference);
  if (typed?.startsWith('Device/') !== true) return [];
  const server = baseOf(reference);
  if (server !== undefined) return [`${server}${typed}`];
  return base === undefined ? [typed] : [`${base}${typed}`, typed];
};

/** A name that holds however fully the device is described, unlike the one composed of maker, model and serial number; and the former one. */
const namesOf = (whole: string | undefined, own: readonly (string | undefined)[], literals: readonly string[]): Pick<NamedDevice, 'name' | 'formerName'> => {
  const [name] = names([...own, ...literals]);
  const [former] = names([whole, ...own, ...literals.map(typedIdOf)]);
  return { name, ...(former !== name && { formerName: former }) };
};

const named = (reference: unknown, from: Entry, resolve: Resolve): NamedDevice | undefined => {
  if (reference === undefined) return undefined;
  const found = followed(reference, from, resolve);
  const device = found[0]?.resource['resourceType'] === 'Device' ? found[0].resource : {};
  const about = described(device);
  const whole = about['manufacturer'] !== undefined && about['model'] !== undefined && about['serialNumber'] !== undefined ? `${about['manufacturer']}:${about['model']}:${about['serialNumber']}` : undefined;
  const literals = literalsOf(textIn(resourceIn(reference)['reference']) ?? '', from.base);
  const own = [...identifierValues(device), about['serialNumber'], ...namedBy(reference)];
  const identifiers = names([whole, ...own, ...literals]);
  const deviceModel = deviceModelOf(identifierValues(device), about['manufacturer'], textIn(device['modelNumber']));
  return { identifiers, ...namesOf(whole, own, literals), deviceModel, described: { ...(identifiers[0] !== undefined && { id: identifiers[0] }), ...about }, positions: found.flatMap(({ position }) => position ?? []), used: found.map(({ resource }) => resource) };
};

/** The device of an Observation, and the gateway that passed its reading on. */
export const devicesOf = (observation: Resource, entry: Entry, resolve: Resolve): { device?: NamedDevice | undefined; gateway?: NamedDevice | undefined } => {
  const extension = listIn(observation['extension']).find(({ url }) => url === gatewayExtension);
  return { device: named(observation['device'], entry, resolve), gateway: named(extension?.['valueReference'], entry, resolve) };
};
