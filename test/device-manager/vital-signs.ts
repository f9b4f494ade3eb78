interface Coded {
  readonly coding?: readonly { readonly system?: string; readonly code?: string }[];
}

/** What the checks look at in an Observation. */
export interface Observed {
  readonly id: string;
  readonly status: string;
  readonly meta: { readonly versionId: string; readonly lastUpdated: string; readonly profile?: readonly string[] };
  readonly identifier: readonly { readonly system: string; readonly value: string }[];
  readonly category?: readonly Coded[];
  readonly code: Coded & { readonly text?: string };
  readonly subject?: { readonly reference?: string; readonly identifier?: object };
  readonly effectiveDateTime?: string;
  readonly effectivePeriod?: { readonly start: string; readonly end?: string };
  readonly valueQuantity?: { readonly value: number; readonly system?: string; readonly code?: string };
  readonly dataAbsentReason?: Coded;
  readonly method?: Coded;
  readonly device: { readonly reference: string };
  readonly note?: readonly { readonly text: string }[];
  readonly component?: readonly { readonly code: Coded; readonly valueQuantity?: { readonly value: number; readonly system?: string; readonly code?: string }; readonly dataAbsentReason?: Coded }[];
}

/** A page of a search. */
export interface Bundle {
  readonly link: readonly { readonly relation: string; readonly url: string }[];
  readonly entry?: readonly { readonly fullUrl: string; readonly resource: Observed }[];
}

const LOINC = 'http://loinc.org';
const UCUM = 'http://unitsofmeasure.org';

/** Units that the profiles of FHIR R4 allow, by the code that makes an Observation one of theirs. */
const units: Readonly<Record<string, readonly string[]>> = {
  '9279-1': ['/min'], '8867-4': ['/min'], '2708-6': ['%'], '8310-5': ['Cel', '[degF]'], '8302-2': ['cm', '[in_i]'], '9843-4': ['cm', '[in_i]'],
  '29463-7': ['g', 'kg', '[lb_av]'], '39156-5': ['kg/m2'], '8480-6': ['mm[Hg]'], '8462-4': ['mm[Hg]'], '8478-0': ['mm[Hg]'],
};

export const codesIn = (concept: Coded | undefined, system = LOINC): string[] => (concept?.coding ?? []).filter((one) => one.system === system).map(({ code }) => code ?? '');

const valueFaults = (at: string, code: Coded, { valueQuantity, dataAbsentReason }: Pick<Observed, 'valueQuantity' | 'dataAbsentReason'>, allowed: readonly string[] | undefined): string[] => [
  ...(valueQuantity === undefined && dataAbsentReason === undefined ? [`${at}: neither value nor reason (vs-2, vs-3)`] : []),
  ...(valueQuantity !== undefined && valueQuantity.system !== UCUM ? [`${at}: not UCUM`] : []),
  ...(valueQuantity !== undefined && allowed !== undefined && !allowed.includes(valueQuantity.code ?? '') ? [`${at}: ${valueQuantity.code ?? ''} is not a unit of ${codesIn(code).join()}`] : []),
];

/** Rules of the vital signs profile that an Observation breaks; `category` is what it must belong to, and what is no vital sign keeps the rest as well. */
export const vitalSignFaults = (one: Observed, category = 'vital-signs'): string[] => {
  const codes = codesIn(one.code);
  const known = codes.find((code) => code in units);
  const parts = (one.component ?? []).flatMap((part) => valueFaults('component', part.code, part, units[codesIn(part.code)[0] ?? '']));
  const pressure = codes.includes('85354-9') ? ['8480-6', '8462-4'].filter((code) => (one.component ?? []).filter((part) => codesIn(part.code).includes(code)).length !== 1).map((code) => `${code} is not there once`) : [];
  return [
    ...(codesIn(one.category?.[0], 'http://terminology.hl7.org/CodeSystem/observation-category').includes(category) ? [] : [`category is not ${category}`]),
    ...(codes.length === 0 ? ['no LOINC code'] : []),
    ...(category === 'vital-signs' && known === undefined && !codes.includes('85354-9') ? ['no code of the profile'] : []),
    ...(one.subject?.reference === undefined && one.subject?.identifier === undefined ? ['no subject'] : []),
    ...(one.effectiveDateTime === undefined && one.effectivePeriod === undefined ? ['no effective[x] (vs-1)'] : []),
    ...(one.component === undefined ? valueFaults('value', one.code, one, known === undefined ? undefined : units[known]) : parts),
    ...pressure,
  ];
};
