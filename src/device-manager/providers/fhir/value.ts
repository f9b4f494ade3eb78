import { convert, commensurable, isUcum } from '../../../measurement/quantity.ts';
import { ucumOf } from '../../../measurement/unit-spelling.ts';
import { codingsIn, listIn, resourceIn, textIn, type Resource } from './resource.ts';

const ucum = 'http://unitsofmeasure.org';

/** A comparator changes what a value says; with one that R4 does not know it is no number that anybody may read. */
const comparators: ReadonlySet<unknown> = new Set(['<', '<=', '>=', '>']);

/** Counts come without a unit; they are never percentages, nor of any dimension. */
const count = '{count}';

/** A UCUM code that Medisanté's spellings read as what it is; another one ("C" is a coulomb) is put so that nobody takes it for a unit. */
const codedUnit = (code: string): string => {
  const read = ucumOf(code);
  const same = read !== undefined && isUcum(code) && (read === code || (commensurable(code, read) && convert(1, code, read) === 1));
  return same ? code : `[${code}]`;
};

const quantity = ({ value, unit, system, code, comparator }: Resource): Resource => {
  if (value === undefined) return { absentReason: 'unknown' };
  const [coded, spelled] = [system === ucum ? textIn(code) : undefined, textIn(unit)];
  const inUnit = coded === undefined ? { unit: spelled ?? '', ...(spelled !== undefined && { unitFromText: true }) } : { unit: codedUnit(coded) };
  if (comparator === undefined) return { value, ...inUnit };
  return comparators.has(comparator) ? { value, ...inUnit, comparator } : { value: [comparator, value], ...inUnit };
};

/** What a CodeableConcept says, in its own words or as a code. */
export const conceptText = (concept: unknown): string | undefined => {
  const [coding] = codingsIn(concept);
  return textIn(resourceIn(concept)['text']) ?? textIn(listIn(resourceIn(concept)['coding'])[0]?.['display']) ?? coding?.code;
};

const absentReason = (concept: unknown): string => codingsIn(concept)[0]?.code ?? conceptText(concept) ?? 'unknown';

/** The value of an Observation or of a component of one as a Medisanté metric; undefined when it has neither a value nor a reason why not. */
export const valueOf = (holder: Resource): Resource | undefined => {
  if (holder['valueQuantity'] !== undefined) return quantity(resourceIn(holder['valueQuantity']));
  if (holder['valueInteger'] !== undefined) return { value: holder['valueInteger'], unit: count };
  if (holder['valueCodeableConcept'] !== undefined) return { value: conceptText(holder['valueCodeableConcept']) ?? '', unit: '' };
  if (holder['dataAbsentReason'] !== undefined) return { absentReason: absentReason(holder['dataAbsentReason']) };
  const other = Object.keys(holder).find((name) => /^value[A-Z]/.test(name));
  return other === undefined ? undefined : { value: holder[other], unit: '' };
};

/** Sampled data as a channel of Medisanté's ecgSamples: samples per second, factor and numbers as they came. */
export const channelOf = (name: string | undefined, sampled: Resource): Resource => {
  const { period, data } = sampled;
  const count = typeof data === 'string' && data.trim() !== '' ? data.trim().split(/\s+/).length : 0;
  return { ...(name !== undefined && { name }), numberOfSamples: count, ...(typeof period === 'number' && period > 0 && { sampleRate: 1000 / period, sampleRateUnit: 'Hz' }), ...sampled };
};
