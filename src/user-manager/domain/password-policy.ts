/** Default least length (NIST SP 800-63B-4, 3.1.1.2: at least 15 where the password is the only factor). */
export const MIN_PASSWORD_LENGTH = 15;
/** Most characters; 800-63B-4 asks for at least 64. Longer ones are refused, never cut. */
export const MAX_PASSWORD_LENGTH = 128;

/** What is wrong with a new password: a code of the catalogue, and what to do. Never quotes the password. */
export interface PasswordFault {
  readonly code: 'password-too-short' | 'password-too-long' | 'password-too-common';
  readonly message: string;
}

/** Whose password it is to be. */
export interface PasswordOwner {
  readonly username: string;
  readonly email: string;
  readonly name?: string | undefined;
}

/** The least length, and lower-case passwords that everybody knows. */
export interface PasswordRules {
  readonly minLength: number;
  readonly common: ReadonlySet<string>;
}

/** What everybody knows who knows the product. */
const productWords = ['vitalgate', 'medisante', 'healthkit', 'healthdata', 'applewatch', 'iphone', 'hospital', 'patient', 'password', 'passwort', 'passphrase'];
/** A word of the owner's that is shorter is in too many others. */
const shortestOwnWord = 4;
/** What must be left of a password that holds known words, and how long a unit must be whose repetition is no pattern. */
const ownPart = 8;

const tooCommon = (message: string): PasswordFault => ({ code: 'password-too-common', message });

/** The form in which passwords are hashed and counted; see docs/decisions/0012. */
export const normalPassword = (password: string): string => password.normalize('NFC');

const folded = (text: string): string => text.normalize('NFKC').toLowerCase();

/** The shortest text whose repetition, the last one cut anywhere, is the whole. */
const unitOf = (text: string): string => {
  for (let length = 1; length < text.length; length += 1) {
    if (text.slice(length) === text.slice(0, -length)) return text.slice(0, length);
  }
  return text;
};

/** `abcdefgh`, `87654321`: each character next to the one before, always in the same direction. */
const isRun = (text: string): boolean => {
  const codes = Array.from(text, (character) => character.codePointAt(0) ?? 0);
  const step = (codes[1] ?? 0) - (codes[0] ?? 0);
  return Math.abs(step) === 1 && codes.every((code, index) => index === 0 || code - (codes[index - 1] ?? 0) === step);
};

const wordsOf = ({ username, email, name = '' }: PasswordOwner): string[] =>
  [username, email, ...`${username} ${email} ${name}`.split(/[^\p{L}\p{N}]+/u)].map(folded).filter((word) => word.length >= shortestOwnWord);

/** What is left when known words go, longest first, and with them all signs. */
const withoutKnown = (text: string, words: readonly string[]): string =>
  words.toSorted((a, b) => b.length - a.length).reduce((rest, word) => rest.replaceAll(word, ' '), text).replaceAll(/[^\p{L}\p{N}]/gu, '');

const holds = (text: string, words: readonly string[]): boolean => words.some((word) => text.includes(word));

const isLetter = (character: string): boolean => /\p{L}/u.test(character);

/** A text without what stands before its first letter and after its last. */
const fromLetterToLetter = (text: string): string => {
  const characters = Array.from(text);
  const first = characters.findIndex(isLetter);
  return first === -1 ? '' : characters.slice(first, characters.findLastIndex(isLetter) + 1).join('');
};

const commonFault = (password: string, owner: PasswordOwner, common: ReadonlySet<string>): PasswordFault | undefined => {
  const text = folded(password);
  const unit = unitOf(text);
  if (common.has(text) || common.has(unit)) return tooCommon('Choose another password: it is on the list of common ones.');
  if (unit.length < ownPart || isRun(text)) return tooCommon('Choose another password: it is a short pattern, repeated or counted on.');
  const core = fromLetterToLetter(text);
  if (core !== text && core.length < ownPart * 2 && text.length - core.length <= ownPart && common.has(core)) {
    return tooCommon('Choose another password: it is a common one with digits or signs around it.');
  }
  const known = [...productWords, ...wordsOf(owner)];
  return holds(text, known) && withoutKnown(text, known).length < ownPart
    ? tooCommon('Choose another password: it is made of your own name or address, or of words of this service.')
    : undefined;
};

/** Tells what is wrong with a new password of somebody, or undefined. Every character is allowed and counts, in Unicode code points of NFC. */
export const passwordFault = (password: string, owner: PasswordOwner, { minLength, common }: PasswordRules): PasswordFault | undefined => {
  const length = Array.from(normalPassword(password)).length;
  if (length < minLength) return { code: 'password-too-short', message: `Choose a password of at least ${String(minLength)} characters.` };
  if (length > MAX_PASSWORD_LENGTH) return { code: 'password-too-long', message: `Choose a password of at most ${String(MAX_PASSWORD_LENGTH)} characters.` };
  return commonFault(password, owner, common);
};
