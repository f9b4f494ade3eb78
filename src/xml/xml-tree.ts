import { SaxesParser } from 'saxes';
import type { XmlFaultCode } from './xml-fault.ts';

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

interface Growing extends XmlElement {
  readonly children: (XmlElement | string)[];
}

type GivenAttributes = Readonly<Record<string, { readonly name: string; readonly prefix: string; readonly value: string }>>;

/** No character of any document: the gate refuses it. */
const CUT = '\ufdd0';
const RESERVED_NAMES = ['__proto__', 'constructor', 'prototype'];

/**
 * Makes a tree of tags, which a strict parser reads one by one, and of the text between them. `refuse` throws: for what the parser
 * finds malformed, for what exceeds the limits and for names that JavaScript reserves.
 */
export class XmlTree {
  readonly #parser = new SaxesParser({ xmlns: true, defaultXMLVersion: '1.0', forceXMLVersion: true });
  readonly #limits: XmlLimits;
  readonly #refuse: (code: XmlFaultCode) => never;
  readonly #open: Growing[] = [];
  readonly #cut: string[] = [];
  #root: XmlElement | undefined;
  #elements = 0;
  #attributes = 0;
  #attributesHere = 0;

  constructor(limits: XmlLimits, refuse: (code: XmlFaultCode) => never) {
    this.#limits = limits;
    this.#refuse = refuse;
    this.#parser.on('error', () => refuse('malformed-xml'));
    this.#parser.on('xmldecl', ({ encoding }) => {
      if (encoding !== undefined && encoding.toLowerCase() !== 'utf-8') refuse('not-utf8');
    });
    this.#parser.on('opentagstart', ({ name }) => this.#enter(name));
    this.#parser.on('attribute', ({ name }) => this.#judgeAttribute(name));
    this.#parser.on('opentag', ({ local, uri, attributes }) => this.#begin(local, uri, attributes));
    this.#parser.on('closetag', () => this.#open.pop());
  }

  /** Counts one element, comment or CDATA section. */
  count(): void {
    this.#elements += 1;
    if (this.#elements > this.#limits.maxElements) this.#refuse('too-many-elements');
  }

  #judgeName(name: string): void {
    if (RESERVED_NAMES.some((reserved) => name === reserved || name.endsWith(`:${reserved}`) || name.startsWith(`${reserved}:`))) this.#refuse('forbidden-key');
  }

  #enter(name: string): void {
    this.count();
    this.#attributesHere = 0;
    if (this.#open.length >= this.#limits.maxDepth) this.#refuse('too-deep');
    this.#judgeName(name);
  }

  /** FHIR has about one attribute per element: half as many again in all leaves room. */
  #judgeAttribute(name: string): void {
    this.#attributes += 1;
    this.#attributesHere += 1;
    if (this.#attributesHere > this.#limits.maxAttributes || this.#attributes > 1.5 * this.#limits.maxElements) this.#refuse('too-many-elements');
    this.#judgeName(name);
  }

  #begin(name: string, namespace: string, given: GivenAttributes): void {
    const attributes: Record<string, string> = {};
    for (const one of Object.values(given)) {
      if (one.name !== 'xmlns' && one.prefix !== 'xmlns') attributes[one.name] = this.#whole(one.value);
    }
    const element: Growing = { name, namespace, attributes, children: [] };
    this.#open.at(-1)?.children.push(element);
    this.#root ??= element;
    this.#open.push(element);
  }

  #whole(value: string): string {
    return value.startsWith(CUT) ? (this.#cut[Number(value.slice(1))] ?? '') : value;
  }

  /** Keeps a long attribute value and answers what stands for it in its tag. */
  keep(value: string): string {
    this.#cut.push(value);
    return `${CUT}${String(this.#cut.length - 1)}`;
  }

  /** Reads the XML declaration or one whole tag. */
  read(markup: string): void {
    this.#parser.write(markup);
  }

  /** Adds text to the element that is open; outside of the root there is room for white space only. */
  add(text: string): void {
    const element = this.#open.at(-1);
    if (element) element.children.push(text);
    else if (/[^ \t\n]/.test(text)) this.#refuse('malformed-xml');
  }

  /** Adds a CDATA section, which only an element can have. */
  addCdata(text: string): void {
    if (this.#open.length === 0) this.#refuse('malformed-xml');
    this.add(text);
  }

  /** The root, once everything has been read. */
  finish(): XmlElement {
    this.#parser.close();
    return this.#root ?? this.#refuse('malformed-xml');
  }
}

