import { hasTag } from '../../http/entity-tag.ts';
import type { Handlers, ReplyHeaders } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import type { Caller, Operations } from '../caller.ts';
import type { Encoding, Page, PageFile, PageFiles } from '../page-files.ts';

/** The operations of the pages; they show nothing of anybody, so nobody need be signed in. */
export type OpenPages = 'showPatientPage' | 'showPasswordReset' | 'getPageScript' | 'getPageStyle' | 'getPageLicences';

/** What the asker reads; a coding with `q=0` is one it does not read (RFC 9110, 12.5.3). */
const encodingFor = (accepted = ''): Encoding => {
  const codings = accepted.toLowerCase().split(',').map((part) => part.split(';').map((word) => word.trim()));
  const reads = (name: string): boolean => codings.some(([coding, weight = '']) => coding === name && !/^q=0(\.0*)?$/.test(weight));
  if (reads('br')) return 'br';
  return reads('gzip') ? 'gzip' : 'identity';
};

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield await Promise.resolve(bytes);
}

/** A file in the encoding that suits the asker. */
const sent = (file: PageFile, accepted: string | undefined, headers: ReplyHeaders) => {
  const encoding = encodingFor(accepted);
  const bytes = file.encoded(encoding);
  const described = { 'Content-Length': String(bytes.length), Vary: 'Origin, Accept-Encoding', ...(encoding !== 'identity' && { 'Content-Encoding': encoding }) };
  return { status: 200, headers: { ...headers, ...described }, body: once(bytes) } as const;
};

const named = (files: readonly PageFile[], name: string): PageFile => {
  const found = files.find((file) => file.name === name);
  if (found === undefined) throw problem('not-found');
  return found;
};

const forEver = { 'Cache-Control': 'public, max-age=31536000, immutable' };
const framed = ({ csp }: Page) => ({ 'Content-Security-Policy': csp, 'Referrer-Policy': 'no-referrer' });

/** The pages for people, and what they load. */
export const pages = ({ patient, resetPassword, scripts, style, licences }: PageFiles): Pick<Handlers<Operations, Caller, OpenPages>, OpenPages> => ({
  showPatientPage: ({ headers }) => {
    const described = { ...framed(patient), 'Cache-Control': 'no-cache', ETag: patient.etag };
    return hasTag(headers['if-none-match'], patient.etag) ? { status: 304, headers: described } : sent(patient, headers['accept-encoding'], described);
  },
  // Its address brings a token along: nobody keeps it.
  showPasswordReset: ({ headers }) => sent(resetPassword, headers['accept-encoding'], { ...framed(resetPassword), 'Cache-Control': 'no-store' }),
  getPageScript: ({ path, headers }) => sent(named(scripts, path.name), headers['accept-encoding'], forEver),
  getPageStyle: ({ path, headers }) => sent(named([style], path.name), headers['accept-encoding'], forEver),
  getPageLicences: ({ headers }) => sent(licences, headers['accept-encoding'], { 'Cache-Control': 'public, max-age=3600' }),
});
