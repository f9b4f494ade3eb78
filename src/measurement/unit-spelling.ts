import { isUcum } from './quantity.ts';
import spellings from './unit-spellings.json' with { type: 'json' };

const bySpelling: ReadonlyMap<string, string> = new Map(Object.entries(spellings));

/**
 * The UCUM code of a unit as phones and medical devices spell it: HealthKit units, tokens of the HealthKit bridges, Medisanté ("bmp"
 * included), or UCUM itself. Undefined when nobody is known to spell a unit so; letter case counts ("Cal" is a kilocalorie).
 */
export function ucumOf(spelling: string): string | undefined {
  const usual = bySpelling.get(spelling);
  if (usual !== undefined) return usual;
  const text = spelling.trim().normalize('NFC'); // an ohm sign is a Greek omega, a degree sign stays one
  return bySpelling.get(text) ?? (isUcum(text) ? text : undefined);
}
