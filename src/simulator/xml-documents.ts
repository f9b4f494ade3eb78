/** JSON documents as a sender of XML would write them. */
const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);
const membersOf = (value: unknown): [string, unknown][] => Object.entries(value as object).flatMap(([name, one]): [string, unknown][] => [one].flat().map((each) => [name, each]));

const element = (name: string, value: unknown): string =>
  `<${name}>${isObject(value) ? membersOf(value).map(([member, one]) => element(member, one)).join('') : escaped(String(value))}</${name}>`;

/** A delivery of the Medisanté standard, lists as repeated elements. */
export const medisanteXml = (delivery: object): string => `<?xml version="1.0" encoding="UTF-8"?>\n${element('measurement', delivery)}`;

const fhirElement = (name: string, value: unknown): string => {
  if (!isObject(value)) return `<${name} value="${escaped(String(value))}"/>`;
  const { resourceType, url, ...members } = value;
  const children = membersOf(members).filter(([, one]) => one !== undefined).map(([member, one]) => fhirElement(member, one)).join('');
  if (typeof resourceType === 'string') return `<${name}><${resourceType}>${children}</${resourceType}></${name}>`;
  return typeof url === 'string' && name.toLowerCase().endsWith('extension') ? `<${name} url="${escaped(url)}">${children}</${name}>` : `<${name}>${url === undefined ? '' : fhirElement('url', url)}${children}</${name}>`;
};

/** A FHIR resource. */
export const fhirXml = ({ resourceType, ...members }: { readonly resourceType: string }): string =>
  `<${resourceType} xmlns="http://hl7.org/fhir">${membersOf(members).filter(([, one]) => one !== undefined).map(([name, one]) => fhirElement(name, one)).join('')}</${resourceType}>`;
