import type { XmlElement } from '../../../xml/xml-gate.ts';
import elements from './r4-elements.json' with { type: 'json' };

type Json = Record<string, unknown>;
type Members = Readonly<Record<string, string>>;

export const fhirNamespace = 'http://hl7.org/fhir';
const xhtmlNamespace = 'http://www.w3.org/1999/xhtml';
/** Extension of a number whose text JSON numbers do not keep: 36.70 is more precise than 36.7. */
export const literalExtension = 'urn:vitalgate:fhir:literal';

/**
 * Members of the types of FHIR R4 (4.0.1) that are no single text: their type, with `*` where there can be several. The empty name is the
 * type they extend, Element where none is named.
 */
const types = elements as Readonly<Record<string, Members>>;

const memberType = (type: string, name: string): string | undefined => {
  for (let at: string | undefined = type; at !== undefined; at = at === 'Element' ? undefined : (types[at]?.[''] ?? 'Element')) {
    const found = types[at];
    if (found && name !== '' && Object.hasOwn(found, name)) return found[name];
  }
  return undefined;
};

const childrenOf = ({ children }: XmlElement, namespace = fhirNamespace): XmlElement[] =>
  children.filter((child): child is XmlElement => typeof child !== 'string' && child.namespace === namespace);

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const markupOf = ({ name, attributes, children }: XmlElement, declaration = ''): string => {
  const given = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(value).replaceAll('"', '&quot;')}"`);
  const inner = children.map((child) => (typeof child === 'string' ? escaped(child) : markupOf(child))).join('');
  const start = `<${name}${declaration}${given.join('')}`;
  return inner === '' ? `${start}/>` : `${start}>${inner}</${name}>`;
};

/** What a primitive is in JSON, and what goes beside it under the name with the underscore. */
interface Primitive {
  readonly value: unknown;
  readonly beside: Json | undefined;
}

const decimal = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** A value by its type. What is no number or boolean stays text, so that whoever reads it sees that it is none. */
const valueOf = (type: string, text: string): { value: unknown; literal?: string } => {
  if (type === 'boolean') return { value: text === 'true' ? true : text === 'false' ? false : text };
  if (type !== 'number' || !decimal.test(text)) return { value: text };
  const value = Number(text);
  if (!Number.isFinite(value)) return { value: text };
  return String(value) === text ? { value } : { value, literal: text };
};

const primitiveOf = (element: XmlElement, type: string): Primitive => {
  const { id, value: text } = element.attributes;
  const read: { value: unknown; literal?: string } = text === undefined ? { value: undefined } : valueOf(type, text);
  const extensions: unknown[] = childrenOf(element).filter(({ name }) => name === 'extension').map((child) => complexOf(child, 'Extension'));
  if (read.literal !== undefined) extensions.push({ url: literalExtension, valueString: read.literal });
  const beside = { ...(id !== undefined && { id }), ...(extensions.length > 0 && { extension: extensions }) };
  return { value: read.value, beside: Object.keys(beside).length > 0 ? beside : undefined };
};

/** Elements that no table names: text where there is a value or nothing but extensions. */
const looksPrimitive = (element: XmlElement): boolean =>
  element.attributes['value'] !== undefined || childrenOf(element).every(({ name }) => name === 'extension');

const putPrimitives = (target: Json, name: string, primitives: readonly Primitive[], many: boolean): void => {
  const put = (key: string, all: readonly unknown[]): void => {
    if (all.every((one) => one === undefined)) return;
    target[key] = many ? all.map((one) => one ?? null) : all[0];
  };
  put(name, primitives.map(({ value }) => value));
  put(`_${name}`, primitives.map(({ beside }) => beside));
};

const resourceIn = (element: XmlElement): unknown => {
  const [resource] = childrenOf(element);
  return resource && resourceOf(resource);
};

const complexMember = (element: XmlElement, type: string): unknown => (type === 'Resource' ? resourceIn(element) : complexOf(element, type));

const putMember = (target: Json, type: string, name: string, all: readonly XmlElement[]): void => {
  const declared = memberType(type, name);
  const many = declared?.endsWith('*') === true || all.length > 1;
  const single = declared?.replace('*', '');
  const primitive = single === undefined ? all.every(looksPrimitive) : ['string', 'number', 'boolean'].includes(single);
  if (primitive) putPrimitives(target, name, all.map((one) => primitiveOf(one, single ?? 'string')), many);
  else {
    const values = all.map((one) => complexMember(one, single ?? 'Element'));
    target[name] = many ? values : values[0];
  }
};

const complexOf = (element: XmlElement, type: string): Json => {
  const { id, url } = element.attributes;
  const result: Json = { ...(id !== undefined && { id }), ...(url !== undefined && { url }) };
  const [div] = childrenOf(element, xhtmlNamespace);
  for (const [name, all] of Map.groupBy(childrenOf(element), (child) => child.name)) putMember(result, type, name, all);
  if (div) result['div'] = markupOf(div, ` xmlns="${xhtmlNamespace}"`);
  return result;
};

const resourceOf = (element: XmlElement): Json => ({ ...complexOf(element, Object.hasOwn(types, element.name) ? element.name : 'DomainResource'), resourceType: element.name });

/**
 * The JSON form of a resource in FHIR R4 XML, as R4 defines it: numbers and booleans by their element, arrays where there can be
 * several, `_name` beside a primitive for its id and extensions. A number that would lose digits keeps its text in an extension beside
 * it. Elements outside of the namespace of FHIR are left out. Throws nothing.
 */
export const fhirJsonOf = (root: XmlElement): Json => resourceOf(root);
