import { isUcum } from './quantity.ts';
import spellings from './unit-spellings.json' with { type: 'json' };

const bySpelling: ReadonlyMap<string, string> = new Map(Object.entries(spellings));

const MOLES = /^(m?mol)<(\d{1,4}(?:\.\d{1,20})?)>\/[Ll]$/;
const GLUCOSE_GRAMS_PER_MOLE = 180.15588;

/** HealthKit writes the grams of a mole into the unit, to more or fewer digits. Moles that it made with those of anything but glucose are not moles of glucose. */
function molesIn(text: string): string | undefined {
  const [, moles, grams] = MOLES.exec(text) ?? [];
  return moles !== undefined && Math.abs(Number(grams) - GLUCOSE_GRAMS_PER_MOLE) < 0.01 ? `${moles}/L` : undefined;
}

/**
 * The UCUM code of a unit as phones and medical devices spell it: HealthKit units, tokens of the HealthKit bridges, Medisanté ("bmp"
 * included), or UCUM itself. Undefined when nobody is known to spell a unit so; letter case counts ("Cal" is a kilocalorie).
 */
export function ucumOf(spelling: string): string | undefined {
  const usual = bySpelling.get(spelling);
  if (usual !== undefined) return usual;
  const text = spelling.trim().normalize('NFC'); // an ohm sign is a Greek omega, a degree sign stays one
  return bySpelling.get(text) ?? molesIn(text) ?? (isUcum(text) ? text : undefined);
}
