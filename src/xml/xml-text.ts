import { XmlFault, type XmlFaultCode } from './xml-fault.ts';

/** Comments, CDATA sections and references; each is a piece of text of its own while the document is read. */
const MOST_PIECES = 100_000;
const CHARACTERS_XML_REFUSES = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/;

const faultAt = (code: XmlFaultCode, text: string, at: number): XmlFault => new XmlFault(code, text.slice(0, at).split('\n').length);

/** UTF-16 and UTF-32 of ASCII are valid UTF-8 with NUL in it, so the first characters tell. */
const isWide = (text: string): boolean => text.charCodeAt(0) === 0 || text.charCodeAt(1) === 0;

const decode = (bytes: Uint8Array): string => {
  let text;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new XmlFault('not-utf8', 1);
  }
  if (isWide(text)) throw new XmlFault('not-utf8', 1);
  return text.includes('\r') ? text.replaceAll(/\r\n?/g, '\n') : text;
};

const refuseMany = (text: string, mark: string): void => {
  let count = 0;
  for (let at = text.indexOf(mark); at >= 0; at = text.indexOf(mark, at + 1)) {
    count += 1;
    if (count > MOST_PIECES) throw faultAt('too-many-elements', text, at);
  }
};

const after = (text: string, end: string, from: number): number => {
  const at = text.indexOf(end, from);
  return at < 0 ? text.length : at + end.length;
};

/** Walks from one `<!` or `<?` to the next; comments and CDATA sections are stepped over, whatever they hold. */
const refuseDeclarations = (text: string): void => {
  const mark = /<[!?]/g;
  mark.lastIndex = /^<\?xml[ \t\n]/.test(text) ? after(text, '?>', 0) : 0;
  for (let found = mark.exec(text), count = 0; found !== null; found = mark.exec(text), count += 1) {
    const { index } = found;
    if (count > MOST_PIECES) throw faultAt('too-many-elements', text, index);
    if (text.startsWith('<!--', index)) mark.lastIndex = after(text, '-->', index + 4);
    else if (text.startsWith('<![CDATA[', index)) mark.lastIndex = after(text, ']]>', index + 9);
    else throw faultAt(text[index + 1] === '?' ? 'malformed-xml' : 'forbidden-doctype', text, index);
  }
};

/**
 * The text of an XML document, line ends as one line feed, judged before any parser sees it: UTF-8 (a byte order mark is fine), no
 * character that XML 1.0 refuses, no DOCTYPE or other declaration in any case, no processing instruction, and no more pieces than a
 * document of the allowed size has.
 * @throws XmlFault and nothing else
 */
export const xmlText = (bytes: Uint8Array): string => {
  const text = decode(bytes);
  const refused = CHARACTERS_XML_REFUSES.exec(text);
  if (refused) throw faultAt('invalid-text', text, refused.index);
  refuseDeclarations(text);
  refuseMany(text, '&');
  return text;
};
