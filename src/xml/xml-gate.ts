import { XmlFault, type XmlFaultCode } from './xml-fault.ts';
import { lineAt, occurrences, resolved, xmlText } from './xml-text.ts';
import { XmlTree, type XmlElement, type XmlLimits } from './xml-tree.ts';

export { XmlFault, type XmlFaultCode } from './xml-fault.ts';
export type { XmlElement } from './xml-tree.ts';

export const xmlLimits: XmlLimits = { maxDepth: 32, maxElements: 50_000, maxAttributes: 64 };

/** Characters after which others get their turn: about a millisecond. */
const SLICE = 16 * 1024;
/** A longer attribute value is kept away from the parser, which looks at every character for itself. */
const LONG_VALUE = 64;
/** References in all, and lines of one attribute value: each costs time of its own, and data of devices have few. */
const MOST_PIECES = 200_000;
/** Names and white space of a tag without its long values. */
const LONGEST_TAG = 16 * 1024;

interface Scan {
  readonly text: string;
  readonly tree: XmlTree;
  readonly refuse: (code: XmlFaultCode) => never;
  at: number;
  inRoot: boolean;
}

/** The position behind the next `end`, or a refusal. */
const behind = ({ text, refuse }: Scan, end: string, from: number): number => {
  const at = text.indexOf(end, from);
  return at < 0 ? refuse('malformed-xml') : at + end.length;
};

const meaningOf = ({ refuse }: Scan, text: string): string => resolved(text) ?? refuse('malformed-xml');

const readText = (scan: Scan, end: number): void => {
  if (end === scan.at) return;
  const text = scan.text.slice(scan.at, end);
  if (text.includes(']]>')) scan.refuse('malformed-xml');
  scan.tree.add(meaningOf(scan, text));
  scan.at = end;
};

const readComment = (scan: Scan): void => {
  scan.tree.count();
  const end = behind(scan, '--', scan.at + 4);
  if (scan.text[end] !== '>') scan.refuse('malformed-xml');
  scan.at = end + 1;
};

const readCdata = (scan: Scan): void => {
  scan.tree.count();
  const end = behind(scan, ']]>', scan.at + 9);
  scan.tree.addCdata(scan.text.slice(scan.at + 9, end - 3));
  scan.at = end;
};

const shortened = (scan: Scan, value: string): string => {
  if (value.length <= LONG_VALUE) return value;
  if (value.includes('<')) scan.refuse('malformed-xml');
  const lines = value.split(/[\t\n]/, MOST_PIECES);
  if (lines.length === MOST_PIECES) scan.refuse('too-many-elements');
  return scan.tree.keep(meaningOf(scan, lines.join(' ')));
};

/** Before anything is parsed: a document that must be refused for its size is refused at once. What opens is no end tag. */
const enterRoot = (scan: Scan, { maxElements }: XmlLimits): void => {
  const most = 2 * maxElements;
  const tags = occurrences(scan.text, '<', most);
  const isLarge = tags > most || tags - occurrences(scan.text, '</', most) > maxElements;
  if (isLarge || occurrences(scan.text, '&', MOST_PIECES) > MOST_PIECES) scan.refuse('too-many-elements');
  scan.inRoot = true;
};

/** Finds the end of a tag: quotes come in pairs, and nothing else can hide a `>`. */
const readTag = (scan: Scan): void => {
  const { text, tree, refuse } = scan;
  const mark = /["'>]/g;
  let tag = '';
  for (let from = scan.at; ; ) {
    mark.lastIndex = from;
    const found = mark.exec(text) ?? refuse('malformed-xml');
    const { index } = found;
    tag += text.slice(from, index + 1);
    if (tag.length > LONGEST_TAG) refuse('too-many-elements');
    from = index + 1;
    if (text[index] === '>') {
      scan.at = from;
      tree.read(tag);
      return;
    }
    const end = behind(scan, text[index] ?? '', from);
    tag += shortened(scan, text.slice(from, end - 1)) + text.slice(end - 1, end);
    from = end;
  }
};

const readMarkup = (scan: Scan, limits: XmlLimits): void => {
  const { text, at, refuse } = scan;
  if (text.startsWith('<!--', at)) readComment(scan);
  else if (text.startsWith('<![CDATA[', at)) readCdata(scan);
  else if (text[at + 1] === '!') refuse('forbidden-doctype');
  else if (text[at + 1] === '?' && (at > 0 || !/^<\?xml[ \t\n][^<>]{0,200}\?>/.test(text))) refuse('malformed-xml');
  else {
    if (!scan.inRoot && text[at + 1] !== '?') enterRoot(scan, limits);
    readTag(scan);
  }
};

/** As `readXml`, but stops after every slice, so that a large document does not hold up others. */
export function* readXmlInSlices(bytes: Uint8Array, limits = xmlLimits): Generator<void, XmlElement, void> {
  const text = xmlText(bytes);
  const refuse = (code: XmlFaultCode): never => {
    throw new XmlFault(code, lineAt(text, scan.at));
  };
  const scan: Scan = { text, tree: new XmlTree(limits, refuse), refuse, at: 0, inRoot: false };
  for (let pause = SLICE; scan.at < text.length; ) {
    const next = text.indexOf('<', scan.at);
    readText(scan, next < 0 ? text.length : next);
    if (next >= 0) readMarkup(scan, limits);
    if (scan.at < pause) continue;
    pause = scan.at + SLICE;
    yield;
  }
  return scan.tree.finish();
}

/**
 * Reads the bytes of a body as XML 1.0 with namespaces, in linear time: UTF-8 and an honest declaration, no DOCTYPE (nothing is parsed
 * behind one), no entities but the five of XML, no processing instructions, bounded depth, elements and attributes, no name that
 * JavaScript reserves. Text stays text, also where it looks like a number.
 * @throws XmlFault and nothing else
 */
export const readXml = (bytes: Uint8Array, limits = xmlLimits): XmlElement => {
  const reading = readXmlInSlices(bytes, limits);
  for (;;) {
    const step = reading.next();
    if (step.done === true) return step.value;
  }
};
