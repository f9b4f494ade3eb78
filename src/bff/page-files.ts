import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { brotliCompressSync, gzipSync } from 'node:zlib';

/** How a body goes over the wire. */
export type Encoding = 'br' | 'gzip' | 'identity';

/** A text that browsers load from us; its name changes with its content. */
export interface PageFile {
  readonly name: string;
  /** The bytes in an encoding, made once. */
  readonly encoded: (encoding: Encoding) => Buffer;
}

/** A page, the policy that it must be served with, and what tells it from an earlier one. */
export interface Page extends PageFile {
  readonly csp: string;
  readonly etag: string;
}

/** The pages for people and all that they load. */
export interface PageFiles {
  readonly patient: Page;
  readonly resetPassword: Page;
  readonly scripts: readonly PageFile[];
  readonly style: PageFile;
  readonly licences: PageFile;
}

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  'img-src data:', // the icon
  "base-uri 'none'",
  "form-action 'none'", // the scripts send the forms
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

const generated = new URL('../../generated/pages/', import.meta.url);
const read = (folder: URL, name: string): string => readFileSync(new URL(name, folder), 'utf8');
const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

const encode: Readonly<Record<Encoding, (bytes: Buffer) => Buffer>> = {
  br: (bytes) => brotliCompressSync(bytes),
  gzip: (bytes) => gzipSync(bytes, { level: 9 }),
  identity: (bytes) => bytes,
};

const fileOf = (name: string, text: string): PageFile => {
  const made = new Map<Encoding, Buffer>();
  return {
    name,
    encoded: (encoding) => {
      const bytes = made.get(encoding) ?? encode[encoding](Buffer.from(text));
      made.set(encoding, bytes);
      return bytes;
    },
  };
};

/** `patient.js` becomes `patient-0d5c29f0a1b24c3d.js`, so that a browser may keep it for ever. */
const dated = (name: string): PageFile => {
  const text = read(generated, name);
  return fileOf(name.replace('.', `-${digestOf(text)}.`), text);
};

const pageOf = (name: string, script: PageFile, style: PageFile): Page => {
  const html = read(new URL('pages/', import.meta.url), name).replace('{script}', `/pages/scripts/${script.name}`).replace('{style}', `/pages/styles/${style.name}`);
  return { ...fileOf(name, html), csp: POLICY, etag: `"${digestOf(html)}"` };
};

const readFiles = (): PageFiles => {
  const [patient, resetPassword, style] = [dated('patient.js'), dated('reset-password.js'), dated('pages.css')];
  return {
    patient: pageOf('patient.html', patient, style), resetPassword: pageOf('reset-password.html', resetPassword, style),
    scripts: [patient, resetPassword], style, licences: fileOf('licences.txt', read(generated, 'licences.txt')),
  };
};

let files: PageFiles | undefined;

/** Reads the pages from the program's own files, once for all services of the process. Throws when they are not there. */
export const pageFiles = (): PageFiles => (files ??= readFiles());
