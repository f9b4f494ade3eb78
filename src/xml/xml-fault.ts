/** Why the bytes of a request are not XML that we accept. */
export type XmlFaultCode =
  | 'malformed-xml'
  | 'forbidden-doctype'
  | 'forbidden-key'
  | 'too-deep'
  | 'too-many-elements'
  | 'not-utf8'
  | 'invalid-text';

/** The only thing the XML gate throws: what is wrong, and in which line; never what stands there. */
export class XmlFault extends Error {
  readonly code: XmlFaultCode;
  readonly line: number;

  constructor(code: XmlFaultCode, line: number) {
    super(`${code} in line ${String(line)}`);
    this.name = 'XmlFault';
    this.code = code;
    this.line = line;
  }
}
