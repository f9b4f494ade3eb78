import type { XmlElement } from '../../../xml/xml-gate.ts';

/** Paths below the root, `*` for any metric. No other text becomes anything but text, so IMEI and serial numbers keep leading zeros. */
const numeric = new Set([
  'measurements/*/value', 'measurements/timestamp', 'measurements/ecgSamples/samples/numberOfSamples',
  ...['minValue', 'maxValue', 'sampleRate', 'factor'].map((name) => `measurements/ecgSamples/${name}`),
]);
const boolean = new Set(['measurements/*/isInRange', 'measurements/annotations/averageMeasurement', 'measurements/annotations/irregularHeartBeat']);
/** Lists, which XML writes by repeating an element: once is a list of one. */
const lists = new Set(['metadata/deviceGroups', 'measurements/ecgSamples/samples']);

const listed = (paths: ReadonlySet<string>, path: string): boolean =>
  paths.has(path) || paths.has(path.replace(/^measurements\/[^/]+\//, 'measurements/*/'));

const plainDecimal = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/;

/** A double tells 17 digits apart, and whole numbers up to 2^53. */
const fitsNumber = (text: string): boolean =>
  text.includes('.') ? text.replace(/^-?0*\.?0*/, '').replace('.', '').length <= 17 : Number.isSafeInteger(Number(text));

const scalar = (text: string, path: string): unknown => {
  if (listed(numeric, path) && plainDecimal.test(text) && fitsNumber(text)) return Number(text);
  if (listed(boolean, path) && (text === 'true' || text === 'false')) return text === 'true';
  return text;
};

const isElement = (child: XmlElement | string): child is XmlElement => typeof child !== 'string';
const textOf = ({ children }: XmlElement): string => children.filter((child) => typeof child === 'string').join('').trim();

/** Attributes, child elements, and text beside attributes, which is what `value` would be. */
const membersIn = (element: XmlElement, path: string): (readonly [string, unknown])[] => {
  const within = (name: string): string => (path === '' ? name : `${path}/${name}`);
  const attributes = Object.entries(element.attributes).filter(([name]) => !name.includes(':'));
  const text = textOf(element);
  return [
    ...attributes.map(([name, value]) => [name, scalar(value, within(name))] as const),
    ...element.children.filter(isElement).map((child) => [child.name, jsonOf(child, within(child.name))] as const),
    ...(text === '' ? [] : [['value', scalar(text, within('value'))] as const]),
  ];
};

const objectOf = (members: readonly (readonly [string, unknown])[], path: string): Record<string, unknown> => {
  const grouped = Map.groupBy(members, ([name]) => name);
  return Object.fromEntries([...grouped].map(([name, all]) => {
    const values = all.map(([, value]) => value);
    const isList = values.length > 1 || lists.has(path === '' ? name : `${path}/${name}`);
    return [name, isList ? values : values[0]];
  }));
};

/** A metric is an object, also with a value alone; anything else that has a value alone is that value. */
const isMetric = (path: string): boolean => /^measurements\/[^/]+$/.test(path) && path !== 'measurements/timestamp';

const jsonOf = (element: XmlElement, path: string): unknown => {
  const { attributes, children } = element;
  const members = membersIn(element, path);
  const { value } = attributes;
  if (children.some(isElement) || members.some(([name]) => name !== 'value') || members.length > 1) return objectOf(members, path);
  if (value === undefined) return scalar(textOf(element), path);
  return isMetric(path) ? objectOf(members, path) : scalar(value, path);
};

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** `<deviceGroups><deviceGroup>a</deviceGroup></deviceGroups>` means the same as `<deviceGroups>a</deviceGroups>`. */
const groupsOf = (given: unknown): unknown[] =>
  [given ?? []].flat().flatMap((one): unknown[] => (isObject(one) ? Object.values(one).flat() : one === '' ? [] : [one]));

/**
 * The JSON form of a delivery in Medisanté XML. Whatever the root is called, elements and attributes are members, repeated ones an
 * array, empty ones empty text; device groups are always an array. Numbers and booleans are those of a fixed list of paths, and only
 * where the text is exactly one: else it stays text and the delivery fails to normalize, visibly. Throws nothing.
 */
export const medisanteJsonOf = (root: XmlElement): Record<string, unknown> => {
  const document = objectOf(membersIn(root, ''), '');
  const { metadata } = document;
  return isObject(metadata) ? { ...document, metadata: { ...metadata, deviceGroups: groupsOf(metadata['deviceGroups']) } } : document;
};
