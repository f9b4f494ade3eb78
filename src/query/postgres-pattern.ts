/** What of a pattern PostgreSQL cannot say. */
class Untranslatable extends Error {}

type Span = readonly [first: number, last: number];

/** The sets that JavaScript names; those of PostgreSQL go by the locale of the database. */
const digits: readonly Span[] = [[0x30, 0x39]];
const letters: readonly Span[] = [...digits, [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]];
const sets: Readonly<Record<string, readonly Span[]>> = {
  d: digits,
  w: letters,
  s: [[0x9, 0xd], [0x20, 0x20], [0xa0, 0xa0], [0x1680, 0x1680], [0x2000, 0x200a], [0x2028, 0x2029], [0x202f, 0x202f], [0x205f, 0x205f], [0x3000, 0x3000], [0xfeff, 0xfeff]],
};
/** The long s and the sign of kelvin, whose other case is a letter of ASCII. */
const setsInAnyCase: typeof sets = { ...sets, w: [...letters, [0x17f, 0x17f], [0x212a, 0x212a]] };

const controls: Readonly<Record<string, number>> = { t: 0x9, n: 0xa, v: 0xb, f: 0xc, r: 0xd };

/** One character, which means itself inside and outside of brackets. */
const written = (codePoint: number): string => {
  // No text in PostgreSQL has a NUL, or half of a surrogate pair.
  if (codePoint === 0 || (codePoint >= 0xd800 && codePoint <= 0xdfff)) throw new Untranslatable();
  const character = String.fromCodePoint(codePoint);
  return /^[A-Za-z0-9]$/.test(character) ? character : `\\U${codePoint.toString(16).padStart(8, '0')}`;
};

const spanText = ([first, last]: Span): string => (first === last ? written(first) : `${written(first)}-${written(last)}`);

/** `\d`, `\D` and the like: what stands in brackets for it, or for its opposite. */
const setText = (name: string, isAnyCase: boolean): string => ((isAnyCase ? setsInAnyCase : sets)[name.toLowerCase()] ?? []).map(spanText).join('');
const setAlone = (name: string, isAnyCase: boolean): string => `[${name === name.toLowerCase() ? '' : '^'}${setText(name, isAnyCase)}]`;

/** One character as JavaScript writes it in a pattern with the flag u; references, properties and names are none. */
const one = String.raw`\\u\{[\da-fA-F]+\}|\\u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|\\u[\da-fA-F]{4}|\\x[\da-fA-F]{2}|\\c[A-Za-z]|\\[tnvfr]|\\[^A-Za-z0-9]|[^\\]`;

const codePointOf = (text: string): number => {
  const [, kind = '', rest = ''] = /^\\(.)(.*)$/su.exec(text) ?? [];
  if (kind === '') return text.codePointAt(0) ?? 0;
  if (kind === 'u') return rest.startsWith('{') ? Number.parseInt(rest.slice(1, -1), 16) : (String.fromCharCode(...rest.split(/\\u/i).map((hex) => Number.parseInt(hex, 16))).codePointAt(0) ?? 0);
  if (kind === 'x') return Number.parseInt(rest, 16);
  if (kind === 'c') return rest.charCodeAt(0) % 32;
  return controls[kind] ?? kind.codePointAt(0) ?? 0;
};

const inBrackets = new RegExp(`\\\\(?<set>[dDwWsS])|(?<first>\\\\b|${one})(?:-(?<last>\\\\b|${one}))?|.`, 'gsu');
const BACKSPACE = 0x8;
const boundOf = (text: string): number => (text === String.raw`\b` ? BACKSPACE : codePointOf(text));

const bracketText = (negated: string, content: string, isAnyCase: boolean): string => {
  // Nothing, or anything: in PostgreSQL the closing bracket would stand for itself.
  if (content === '') throw new Untranslatable();
  const members = [...content.matchAll(inBrackets)].map(({ groups: { set, first, last } = {} }) => {
    if (set !== undefined) return set === set.toLowerCase() ? setText(set, isAnyCase) : { opposite: setAlone(set, isAnyCase) };
    if (first === undefined) throw new Untranslatable();
    return spanText([boundOf(first), boundOf(last ?? first)]);
  });
  const listed = members.filter((member) => typeof member === 'string').join('');
  const opposites = members.flatMap((member) => (typeof member === 'string' ? [] : [member.opposite]));
  if (opposites.length === 0) return `[${negated}${listed}]`;
  // An opposite has every character beyond ASCII, and PostgreSQL would add the other case of each.
  const any = `(?:${[...(listed === '' ? [] : [`[${listed}]`]), ...opposites].join('|')})`;
  return negated === '' ? any : `(?:(?!${any}).)`;
};

/** The edge of a word, or no edge. */
const boundaryText = (kind: string, isAnyCase: boolean): string => {
  const word = setAlone('w', isAnyCase);
  return kind === 'b' ? `(?:(?<=${word})(?!${word})|(?<!${word})(?=${word}))` : `(?:(?<=${word})(?=${word})|(?<!${word})(?!${word}))`;
};

const piece = new RegExp(
  `(?<group>\\((?:\\?(?:[:=!]|<[=!]))?)(?!\\?)|(?<same>[)|^$*+?]|\\{\\d+(?:,\\d*)?\\})|(?<any>\\.)|\\[(?<negated>\\^?)(?<content>(?:\\\\.|[^\\]\\\\])*)\\]|\\\\(?<set>[dDwWsS])|\\\\(?<boundary>[bB])|(?<one>${one})|.`, 'gsu',
);

const pieceText = ({ groups = {} }: RegExpExecArray, isAnyCase: boolean): string => {
  const { group, same, any, negated, content, set, boundary: kind, one: character } = groups;
  if (group !== undefined) return group === '(' ? '(?:' : group;
  if (same !== undefined) return same;
  if (any !== undefined) return String.raw`[^\n\r\u2028\u2029]`;
  if (content !== undefined) return bracketText(negated ?? '', content, isAnyCase);
  if (set !== undefined) return setAlone(set, isAnyCase);
  if (kind !== undefined) return boundaryText(kind, isAnyCase);
  if (character === undefined || character === '(') throw new Untranslatable();
  return written(codePointOf(character));
};

/**
 * A regular expression of JavaScript (with the flag u, or with i as well) as one of PostgreSQL that matches the same texts by `~` (or
 * `~*`, where a letter beyond ASCII has the other case that the database knows). Undefined when it is none, or there is no such one: with
 * a back reference, a named group, a property of Unicode, flags inside, or empty brackets.
 */
export const postgresPattern = (pattern: string, isAnyCase: boolean): string | undefined => {
  try {
    const { source } = new RegExp(pattern, 'u');
    return [...source.matchAll(piece)].map((found) => pieceText(found, isAnyCase)).join('');
  } catch (error) {
    if (error instanceof Untranslatable || error instanceof SyntaxError) return undefined;
    throw error;
  }
};
