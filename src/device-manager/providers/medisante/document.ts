import { readXml, type XmlElement } from '../../../xml/xml-gate.ts';
import { medisanteFormat } from '../../provider.ts';
import { fhirJsonOf, fhirNamespace } from '../fhir/xml-to-json.ts';
import { withExactNames } from './exact-names.ts';
import { medisanteJsonOf } from './xml-document.ts';

/** The JSON form of a parsed XML delivery, by the namespace of its root. */
export const documentOfXml = (root: XmlElement): Readonly<Record<string, unknown>> =>
  root.namespace === fhirNamespace ? fhirJsonOf(root) : medisanteJsonOf(root);

/** What parsed JSON says in the format that it is in, with what only its bytes tell. */
export const documentOfJson = (format: string, value: unknown, bytes: Buffer): unknown => (format === medisanteFormat ? withExactNames(value, bytes) : value);

/** What the bytes of a delivery say, as JSON, by the format it was kept in. They were readable when they came: else this throws. */
export const documentOf = (format: string, bytes: Buffer): unknown =>
  format.endsWith('-xml') ? documentOfXml(readXml(bytes)) : documentOfJson(format, JSON.parse(bytes.toString('utf8')), bytes);
