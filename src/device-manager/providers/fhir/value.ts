import { convert, commensurable, isUcum } from '../../../measurement/quantity.ts';
import { ucumOf } from '../../../measurement/unit-spelling.ts';
import { codingsIn, listIn, resourceIn, textIn, type Resource } from './resource.ts';

/** A value as a Medisanté metric, with what else must be said about it. */
export interface Metric {
  readonly metric: Readonly<Record<string, unknown>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

const ucum = 'http://unitsofmeasure.org';

/** A UCUM code that Medisanté's spellings read as what it is; another one ("C" is a coulomb) is put so that nobody takes it for a unit. */
const codedUnit = (code: string): string => {
  const read = ucumOf(code);
  const same = read !== undefined && isUcum(code) && (read === code || (commensurable(code, read) && convert(1, code, read) === 1));
  return same ? code : `[${code}]`;
};

const quantity = ({ value, unit, system, code, comparator }: Resource): Metric => {
  if (value === undefined) return { metric: { absentReason: 'unknown' } };
  const [coded, spelled] = [system === ucum ? textIn(code) : undefined, textIn(unit)];
  const annotations = { ...(coded === undefined && spelled !== undefined && { unitFromText: 'true' }), ...(typeof comparator === 'string' && { comparator: comparator.slice(0, 10) }) };
  return { metric: { value, unit: coded === undefined ? (spelled ?? '') : codedUnit(coded) }, annotations };
};

/** What a CodeableConcept says, in its own words or as a code. */
export const conceptText = (concept: unknown): string | undefined => {
  const [coding] = codingsIn(concept);
  return textIn(resourceIn(concept)['text']) ?? textIn(listIn(resourceIn(concept)['coding'])[0]?.['display']) ?? coding?.code;
};

const absentReason = (concept: unknown): string => codingsIn(concept)[0]?.code ?? conceptText(concept) ?? 'unknown';

/** The value of an Observation or of a component of one; undefined when it has neither a value nor a reason why not. */
export const valueOf = (holder: Resource): Metric | undefined => {
  if (holder['valueQuantity'] !== undefined) return quantity(resourceIn(holder['valueQuantity']));
  if (holder['valueInteger'] !== undefined) return { metric: { value: holder['valueInteger'], unit: '1' } };
  if (holder['valueCodeableConcept'] !== undefined) return { metric: { value: conceptText(holder['valueCodeableConcept']) ?? '', unit: '' } };
  if (holder['dataAbsentReason'] !== undefined) return { metric: { absentReason: absentReason(holder['dataAbsentReason']) } };
  const other = Object.keys(holder).find((name) => /^value[A-Z]/.test(name));
  return other === undefined ? undefined : { metric: { value: holder[other], unit: '' } };
};

/** Sampled data as a channel of Medisanté's ecgSamples: samples per second, factor and numbers as they came. */
export const channelOf = (name: string | undefined, sampled: Resource): Resource => {
  const { period, data } = sampled;
  const count = typeof data === 'string' && data.trim() !== '' ? data.trim().split(/\s+/).length : 0;
  return { ...(name !== undefined && { name }), numberOfSamples: count, ...(typeof period === 'number' && period > 0 && { sampleRate: 1000 / period, sampleRateUnit: 'Hz' }), ...sampled };
};
