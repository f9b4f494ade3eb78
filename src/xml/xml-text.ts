import { XmlFault } from './xml-fault.ts';

/** What is neither a control character (but tab and line ends) nor a code point that Unicode keeps free of characters. */
const REFUSED_CHARACTERS = /[^\t\n\r -\ufdcf\ufdf0-\ufffd]/;
const [CARRIAGE_RETURN, LINE_FEED] = [0x0d, 0x0a];
const NAMED: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/** UTF-16 and UTF-32 of ASCII are valid UTF-8 with NUL in it, so the first characters tell. */
const isWide = (text: string): boolean => text.charCodeAt(0) === 0 || text.charCodeAt(1) === 0;

const decode = (bytes: Uint8Array): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new XmlFault('not-utf8', 1);
  }
};

/** Every line end as one line feed, as XML asks for before anything else. */
const withLineFeeds = (bytes: Uint8Array): Uint8Array => {
  if (!bytes.includes(CARRIAGE_RETURN)) return bytes;
  const kept = new Uint8Array(bytes.length);
  let length = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte === LINE_FEED && bytes[at - 1] === CARRIAGE_RETURN) continue;
    kept[length] = byte === CARRIAGE_RETURN ? LINE_FEED : byte;
    length += 1;
  }
  return kept.subarray(0, length);
};

/** The line, from 1, in which the character at a position stands. */
export const lineAt = (text: string, position: number): number => {
  let line = 1;
  for (let at = text.indexOf('\n'); at >= 0 && at < position; at = text.indexOf('\n', at + 1)) line += 1;
  return line;
};

/**
 * The characters of a document, each line end one line feed: UTF-8 (a byte order mark is fine), none that XML 1.0 refuses.
 * @throws XmlFault and nothing else
 */
export const xmlText = (bytes: Uint8Array): string => {
  const text = decode(withLineFeeds(bytes));
  if (isWide(text)) throw new XmlFault('not-utf8', 1);
  const refused = REFUSED_CHARACTERS.exec(text);
  if (refused) throw new XmlFault('invalid-text', lineAt(text, refused.index));
  return text;
};

/** Tells whether XML 1.0 has a character of this number. */
export const isCharacter = (code: number): boolean =>
  code === 0x9 || code === 0xa || code === 0xd || (code >= 0x20 && code < 0xd800) || (code >= 0xe000 && code < 0xfffe) || (code >= 0x10000 && code <= 0x10ffff);

const meantBy = (reference: string): string | undefined => {
  if (!reference.startsWith('#')) return NAMED[reference];
  const code = reference.startsWith('#x') ? Number.parseInt(reference.slice(2), 16) : Number.parseInt(reference.slice(1), 10);
  return isCharacter(code) ? String.fromCodePoint(code) : undefined;
};

/** How often a mark occurs; counting stops beyond `most`. */
export const occurrences = (text: string, mark: string, most: number): number => {
  let count = 0;
  for (let at = text.indexOf(mark); at >= 0 && count <= most; at = text.indexOf(mark, at + 1)) count += 1;
  return count;
};

/** Text with its references resolved, once; undefined when one is malformed or names an entity that XML itself does not have. */
export const resolved = (text: string): string | undefined => {
  if (!text.includes('&')) return text;
  const meanings = new Set<string | undefined>();
  const result = text.replaceAll(/&(?:(#x[0-9a-fA-F]{1,8}|#[0-9]{1,8}|lt|gt|amp|quot|apos);)?/g, (_match, reference: string | undefined) => {
    const meant = reference === undefined ? undefined : meantBy(reference);
    meanings.add(meant);
    return meant ?? '';
  });
  return meanings.has(undefined) ? undefined : result;
};
