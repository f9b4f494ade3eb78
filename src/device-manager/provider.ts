export const medisanteFormat = 'medisantestandard-json';
export const medisanteXmlFormat = 'medisantestandard-xml';
export const fhirFormat = 'fhir-json';
export const fhirXmlFormat = 'fhir-xml';

/** Without accents, case and punctuation: `Medisanté` and `medisante`, `apple-healthkit` and `HealthKit` mean the same. */
const plain = (name: string): string => name.normalize('NFD').replaceAll(/[^a-zA-Z]/g, '').toLowerCase();

/** The provider that a declared name means; any other name stays as it is, in lower case. */
export const providerOf = (declared: string): string => {
  const name = plain(declared);
  if (name === 'healthkit' || name === 'applehealthkit') return 'healthkit';
  return name === 'medisante' ? 'medisante' : declared.trim().toLowerCase();
};
