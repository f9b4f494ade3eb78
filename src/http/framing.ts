import type { IncomingMessage } from 'node:http';
import type { OperationInfo } from './operation-info.ts';
import { problem, type ProblemError } from './problem.ts';

/** How the body of a request is to be understood, decided from the headers alone. */
export type ContentPlan =
  | { readonly kind: 'none' }
  | { readonly kind: 'json' | 'xml' | 'form'; readonly mediaType: string }
  /** `contentType` as sent: its boundary parts the body. */
  | { readonly kind: 'multipart'; readonly mediaType: string; readonly contentType: string }
  /** Nothing the operation takes; fine only when the body turns out to be blank and is not required. */
  | { readonly kind: 'unsupported' };

const FORM = 'application/x-www-form-urlencoded';
const MULTIPART = 'multipart/form-data';
const ENCODINGS = ['identity', 'gzip', 'br'];

/** Bytes that a request to an operation without body may carry: room for white space, `null` or `{}`. */
export const BLANK_BODY_BYTES = 4096;
/** Bytes of a request that needs no credential, decoded: a form or a name and a password, and nobody in particular takes the room of all bodies. */
export const OPEN_BODY_BYTES = 64 * 1024;

/** What to do where an operation takes no body. */
export const NO_BODY = 'Send no body: this operation takes none.';

/** JSON by its type or its structured suffix. */
export const isJsonType = (mediaType: string): boolean => mediaType === 'application/json' || mediaType.endsWith('+json');

/** XML by its type or its structured suffix. */
export const isXmlType = (mediaType: string): boolean => mediaType === 'application/xml' || mediaType === 'text/xml' || mediaType.endsWith('+xml');

/** Whether the kit can read a request body of this media type. */
export const isReadableType = (mediaType: string): boolean => isJsonType(mediaType) || isXmlType(mediaType) || mediaType === FORM || mediaType === MULTIPART;

/** Whether the headers announce a body. */
export const announcesBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

const parameterOf = (contentType: string, name: string): string | undefined =>
  new RegExp(`;\\s*${name}\\s*=\\s*"?([^";\\s]+)`, 'i').exec(contentType)?.[1]?.toLowerCase();

/** A body in another character set, or of another version of FHIR than R4, is of another type. */
const unsupportedParameter = (contentType: string): boolean =>
  !['utf-8', 'utf8'].includes(parameterOf(contentType, 'charset') ?? 'utf-8') || (parameterOf(contentType, 'fhirVersion') ?? '4.0') !== '4.0';

/**
 * Chooses how to read the body from `Content-Type`. Throws 415 when the operation requires a body of another type; where
 * the body is optional the verdict waits for the bytes, because mobile clients label empty bodies as they please.
 */
export const planContent = (operation: OperationInfo, contentType: string | undefined): ContentPlan => {
  if (operation.request === undefined) return { kind: 'none' };
  const sent = (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  const { mediaTypes, required } = operation.request;
  const accepted = mediaTypes.find((type) => type === sent) ?? (isJsonType(sent) ? mediaTypes.find(isJsonType) : undefined);
  if (accepted !== undefined && !unsupportedParameter(contentType ?? '')) {
    if (accepted === MULTIPART) return { kind: 'multipart', mediaType: accepted, contentType: contentType ?? '' };
    return { kind: accepted === FORM ? 'form' : isXmlType(accepted) ? 'xml' : 'json', mediaType: accepted };
  }
  if (required) throw problem('unsupported-media-type');
  return { kind: 'unsupported' };
};

/** Path and query of a whole address, which a server takes as well (RFC 9112, section 3.2.2); undefined for one that is none of ours. */
const targetIn = (address: string): string | undefined => {
  if (!URL.canParse(address)) return undefined;
  const { protocol, pathname, search } = new URL(address);
  return /^https?:$/.test(protocol) ? pathname + search : undefined;
};

const isTarget = (url: string): boolean => url.startsWith('/') || url === '*';

/** Has a request that names its whole address look as any other: what is no address would pass by all that the application does. */
export const showTarget = (request: IncomingMessage & { originalUrl?: string }): void => {
  const { url = '/' } = request;
  if (isTarget(url)) return;
  request.originalUrl = url;
  request.url = targetIn(url) ?? '/';
};

/** Refuses a request for what is neither a path nor an address. */
export const checkTarget = ({ originalUrl }: { readonly originalUrl: string }): void => {
  if (!isTarget(originalUrl) && targetIn(originalUrl) === undefined) throw problem('invalid-request', { detail: 'Ask for a path, or for an http or https address.' });
};

/** Refuses a request with several Host lines, or with none where HTTP asks for one (RFC 9112, section 3.2). */
export const checkHost = ({ headersDistinct, httpVersion }: IncomingMessage): void => {
  const count = (headersDistinct['host'] ?? []).length;
  if (count > 1 || (count === 0 && httpVersion === '1.1')) throw problem('invalid-request', { detail: 'Send exactly one Host header.' });
};

/** The refusal of a body over `maxBytes`. An operation that takes none refuses it as any other body, unless its specification has a 413. */
export const tooLarge = ({ request, responses }: OperationInfo, limits: { maxBytes: number; maxItems: number }): ProblemError =>
  request !== undefined || responses.has('413') ? problem('payload-too-large', { limits }) : problem('invalid-request', { detail: NO_BODY });

/**
 * Refuses, before anything is read, a request whose headers already tell that it cannot be served: an unknown Content-Encoding of a body, a Content-Length over `maxBytes`. An operation that takes no body refuses an encoded one as any other.
 */
export const checkFraming = (request: IncomingMessage, operation: OperationInfo, limits: { maxBytes: number; maxItems: number }): void => {
  const encoding = request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (!ENCODINGS.includes(encoding) && announcesBody(request)) {
    throw operation.request === undefined ? problem('invalid-request', { detail: NO_BODY }) : problem('unsupported-encoding');
  }
  if (Number(request.headers['content-length'] ?? 0) > limits.maxBytes) throw tooLarge(operation, limits);
};
