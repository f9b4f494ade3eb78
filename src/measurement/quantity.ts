import ucumPkg from '@lhncbc/ucum-lhc';

const ucum = ucumPkg.UcumLhcUtils.getInstance();

// ucum-lhc 7 looks units up in plain objects and takes "constructor" for a unit.
const inherited = Object.getOwnPropertyNames(Object.prototype);
const MAX_CODE_LENGTH = 64;
const MAX_REMEMBERED = 2000;
const remembered = new Map<string, boolean>();

/** Parsing a unit costs up to 50 µs and a batch repeats a few pairs thousands of times; the bound keeps hostile units from filling memory. */
function remember(key: string, decide: () => boolean): boolean {
  const known = remembered.get(key);
  if (known !== undefined) return known;
  const verdict = decide();
  if (remembered.size >= MAX_REMEMBERED) remembered.clear();
  remembered.set(key, verdict);
  return verdict;
}

/** Two units that measure different things, or text that is no UCUM code. The message names units, never a value. */
export class UnitMismatch extends Error {
  constructor(from: string, to: string) {
    super(`${from} cannot be converted to ${to}`);
    this.name = 'UnitMismatch';
  }
}

/** Whether the text is a case-sensitive UCUM code of at most 64 printable ASCII characters. */
export function isUcum(code: string): boolean {
  const known = remembered.get(code);
  if (known !== undefined) return known;
  if (code.length > MAX_CODE_LENGTH || !/^[\x21-\x7e]+$/.test(code)) return false;
  if (inherited.some((name) => code.includes(name))) return false;
  return remember(code, () => ucum.validateUnitString(code).ucumCode === code);
}

/**
 * The value in another UCUM unit, unrounded. Mass and amount of substance (mg/dL, mmol/L) do not convert into each other, and moles
 * are not numbers, although UCUM calls the mole dimensionless.
 * @throws UnitMismatch when a unit is no UCUM code, or they are of different dimensions
 */
export function convert(value: number, fromUcum: string, toUcum: string): number {
  if (!isUcum(fromUcum) || !isUcum(toUcum)) throw new UnitMismatch(fromUcum, toUcum);
  if (fromUcum === toUcum) return value; // ucum-lhc answers 98.59999999999997 for 98.6 °F in °F
  const { status, toVal } = ucum.convertUnitTo(fromUcum, value, toUcum);
  if (status !== 'succeeded' || toVal === null) throw new UnitMismatch(fromUcum, toUcum);
  return toVal;
}

/** Whether values in the one unit convert to the other; false when one of them is no UCUM code. */
export function commensurable(a: string, b: string): boolean {
  if (!isUcum(a) || !isUcum(b)) return false;
  return a === b || remember(`${a} ${b}`, () => ucum.convertUnitTo(a, 1, b).status === 'succeeded');
}
