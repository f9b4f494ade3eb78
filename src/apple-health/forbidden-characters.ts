import { isCharacter } from '../xml/xml-text.ts';

/**
 * What iOS writes of the names of sources and devices although XML 1.0 forbids it. NUL is missing on purpose: where a copy has a hole,
 * what stands on both sides of it would become one value.
 */
// eslint-disable-next-line no-control-regex -- they are what is sought
const CHARACTERS = /[\x01-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g;
const REFERENCES = /&#(?:x([0-9a-fA-F]+)|([0-9]+));/g;
/** A reference that the next chunk may end; none of an export is longer. */
const BEGUN = /^&(?:#x?[0-9a-fA-F]*)?$/;
const LONGEST_REFERENCE = 32;

/** Chunks mostly have none: looking for the first is cheap. */
const withoutCharacters = (text: string): string => (text.search(CHARACTERS) < 0 ? text : text.replace(CHARACTERS, ''));

const withoutReferences = (text: string): string =>
  text.includes('&#') ? text.replace(REFERENCES, (reference, hexadecimal?: string, decimal?: string) => (isCharacter(hexadecimal === undefined ? Number(decimal) : Number.parseInt(hexadecimal, 16)) ? reference : '')) : text;

/** Text of an export without the characters that XML 1.0 forbids, written as themselves or as references to them. */
export const withoutForbidden = (text: string): string => withoutReferences(withoutCharacters(text));

/** As `withoutForbidden`, for text in chunks that may be cut anywhere: the outcome is the same. What `next` holds back, `rest` answers. */
export const createForbiddenFilter = () => {
  let held = '';
  return {
    next: (chunk: string): string => {
      const text = held + withoutCharacters(chunk);
      const at = text.lastIndexOf('&');
      const cut = at >= 0 && text.length - at <= LONGEST_REFERENCE && BEGUN.test(text.slice(at)) ? at : text.length;
      held = text.slice(cut);
      return withoutReferences(text.slice(0, cut));
    },
    rest: (): string => held,
  };
};
