import { fhirFormat, fhirXmlFormat, medisanteFormat, medisanteXmlFormat } from '../../provider.ts';

/** What is known of the format of a delivery: from the path, from its Content-Type, from its shape. */
export interface Told {
  /** As in the path, lower case. */
  readonly format: string | undefined;
  readonly mediaType: string;
  /** It has what only FHIR has: a resourceType, or the namespace on its root. */
  readonly looksLikeFhir: boolean;
}

const isXml = (mediaType: string): boolean => mediaType.endsWith('xml');
const isFhir = (mediaType: string): boolean => mediaType.startsWith('application/fhir+');

/** Whether a format in the path and a Content-Type cannot both be right. */
export const contradicts = (format: string, mediaType: string): boolean =>
  format.endsWith('xml') !== isXml(mediaType) || (isFhir(mediaType) && format.includes('standard'));

/** The format to keep a delivery in. FHIR is what anything says to be FHIR: a delivery of the Medisanté standard never looks like it. */
export const formatOf = ({ format, mediaType, looksLikeFhir }: Told): string => {
  const fhir = looksLikeFhir || isFhir(mediaType) || format?.startsWith('fhir-') === true;
  if (isXml(mediaType)) return fhir ? fhirXmlFormat : medisanteXmlFormat;
  return fhir ? fhirFormat : medisanteFormat;
};
