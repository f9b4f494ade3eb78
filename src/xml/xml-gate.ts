import { SaxesParser } from 'saxes';
import { XmlFault } from './xml-fault.ts';
import { xmlText } from './xml-text.ts';

export { XmlFault } from './xml-fault.ts';

/** One element; text stands between its child elements where it stood in the document. */
export interface XmlElement {
  /** Without prefix. */
  readonly name: string;
  /** Empty when it has none. */
  readonly namespace: string;
  /** By name as written, without namespace declarations. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly (XmlElement | string)[];
}

/** Levels of elements, elements in all, attributes of one element. */
export interface XmlLimits {
  readonly maxDepth: number;
  readonly maxElements: number;
  readonly maxAttributes: number;
}

export const xmlLimits: XmlLimits = { maxDepth: 32, maxElements: 50_000, maxAttributes: 64 };

/** Characters that are parsed at one go: about a millisecond. */
const SLICE = 64 * 1024;
const RESERVED_NAMES = ['__proto__', 'constructor', 'prototype'];

interface Growing extends XmlElement {
  readonly attributes: Record<string, string>;
  readonly children: (XmlElement | string)[];
}

/** Builds the tree from the events of a strict parser; everything the parser or the limits refuse is an XmlFault. */
class TreeBuilder {
  readonly #parser = new SaxesParser({ xmlns: true, defaultXMLVersion: '1.0', forceXMLVersion: true });
  readonly #limits: XmlLimits;
  readonly #open: Growing[] = [];
  #root: XmlElement | undefined;
  #elements = 0;
  #attributes = 0;
  #attributesHere = 0;

  constructor(limits: XmlLimits) {
    this.#limits = limits;
    const parser = this.#parser;
    parser.on('error', () => this.#refuse('malformed-xml'));
    parser.on('doctype', () => this.#refuse('forbidden-doctype'));
    parser.on('processinginstruction', () => this.#refuse('malformed-xml'));
    parser.on('xmldecl', ({ encoding }) => {
      if (encoding !== undefined && encoding.toLowerCase() !== 'utf-8') this.#refuse('not-utf8');
    });
    parser.on('opentagstart', ({ name }) => this.#enter(name));
    parser.on('attribute', ({ name }) => this.#count(name));
    parser.on('opentag', (tag) => this.#begin(tag));
    parser.on('closetag', () => this.#end());
    parser.on('text', (text) => this.#add(text));
    parser.on('cdata', (text) => this.#add(text));
  }

  #refuse(code: XmlFault['code']): never {
    throw new XmlFault(code, this.#parser.line);
  }

  #judgeName(name: string): void {
    if (name.split(':').some((part) => RESERVED_NAMES.includes(part))) this.#refuse('forbidden-key');
  }

  #enter(name: string): void {
    this.#elements += 1;
    this.#attributesHere = 0;
    if (this.#open.length >= this.#limits.maxDepth) this.#refuse('too-deep');
    if (this.#elements > this.#limits.maxElements) this.#refuse('too-many-elements');
    this.#judgeName(name);
  }

  /** FHIR has about one attribute per element: twice as many in all leaves room. */
  #count(name: string): void {
    this.#attributes += 1;
    this.#attributesHere += 1;
    if (this.#attributesHere > this.#limits.maxAttributes || this.#attributes > 2 * this.#limits.maxElements) this.#refuse('too-many-elements');
    this.#judgeName(name);
  }

  #begin({ local, uri, attributes }: { local: string; uri: string; attributes: Readonly<Record<string, { name: string; prefix: string; value: string }>> }): void {
    const given = Object.values(attributes).filter(({ name, prefix }) => name !== 'xmlns' && prefix !== 'xmlns');
    const element = { name: local, namespace: uri, attributes: Object.fromEntries(given.map(({ name, value }) => [name, value])), children: [] };
    this.#open.at(-1)?.children.push(element);
    this.#root ??= element;
    this.#open.push(element);
  }

  #end(): void {
    this.#open.pop();
  }

  #add(text: string): void {
    this.#open.at(-1)?.children.push(text);
  }

  read(slice: string): void {
    this.#parser.write(slice);
  }

  finish(): XmlElement {
    this.#parser.close();
    return this.#root ?? this.#refuse('malformed-xml');
  }
}

/** As `readXml`, but stops after every slice, so that a large document does not hold up others. */
export function* readXmlInSlices(bytes: Uint8Array, limits = xmlLimits): Generator<void, XmlElement, void> {
  const text = xmlText(bytes);
  const builder = new TreeBuilder(limits);
  for (let at = 0; at < text.length; at += SLICE) {
    builder.read(text.slice(at, at + SLICE));
    yield;
  }
  return builder.finish();
}

/**
 * Reads the bytes of a body as XML 1.0 with namespaces, in linear time: UTF-8 and an honest declaration, no DOCTYPE, no entities but
 * the five of XML, no processing instructions, bounded depth, elements and attributes, no name that JavaScript reserves. Text stays
 * text, also where it looks like a number.
 * @throws XmlFault and nothing else
 */
export const readXml = (bytes: Uint8Array, limits = xmlLimits): XmlElement => {
  const reading = readXmlInSlices(bytes, limits);
  for (;;) {
    const step = reading.next();
    if (step.done === true) return step.value;
  }
};
