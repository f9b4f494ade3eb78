import { isNode, meantBy } from '../../contract/specifications.ts';
import { admittedBy, mayPass } from '../callers.ts';
import { MARKER } from './hostile.ts';
import type { FuzzedRequest } from './requests.ts';
import type { Answer } from './sending.ts';
import { schemaChecks } from './validity.ts';
import { pointerToken, type JsonObject } from '../../../src/http/spec.ts';
import type { OperationInfo } from '../../../src/http/operation-info.ts';

/** What an answer breaks: the name of a rule, and what was seen. */
export interface Breach {
  readonly rule: string;
  readonly seen: string;
}

/** What only one person may see. */
export interface Secrets {
  /** Values of the patient whose credential is never shown. */
  readonly ofBen: readonly string[];
}

const SLOWEST_MS = 5000;
/** Shown by the schema's own keywords, so that a valid request was refused by the contract itself. */
const KEYWORDS = new Set(['type', 'required', 'additionalProperties', 'pattern', 'format', 'enum', 'minLength', 'maxLength', 'minimum', 'maximum', 'minItems', 'maxItems', 'oneOf', 'anyOf', 'unknown-parameter']);
/** Refusals that no schema can say: what only operators need, as services name the patient in a header, and properties that the group of a user decides. */
const BEYOND_SCHEMA: readonly (readonly [operations: RegExp, pointer: RegExp])[] = [
  [/^assignDeviceToPatient$/, /^\/assignedPatientId$/],
  [/^getPatientChartData$/, /^\/query\/_id$/],
  [/^(listPatientChartedTypes|listPatientUploads|listPatientRefusals)$/, /^\/query\/patientId$/],
  [/^(createUser|createUserWithId|updateUser|startBulkActivation)$/, /./],
];
const LEAKS = /\bat [^ ]+ \(?(file|node|\/)|\.[jt]s:\d+|node_modules|\bSELECT [\w*]|syntax error at|ECONN|Cannot read|is not a function|undefined is not|\/tmp\/|postgres/i;
const HEADER_RULES: readonly (readonly [string, RegExp])[] = [
  ['x-content-type-options', /^nosniff$/],
  ['content-security-policy', /default-src 'none'/],
  ['x-request-id', /^[A-Za-z0-9._:-]{8,128}$/],
];
/** Data is kept by nobody; pages, which have none, are asked for again, and their files keep their content as long as their name. */
const KEPT_BY_NOBODY = /no-store|public, max-age=3600/;
const PAGE = /^(text\/(html|css|javascript))?$/;
const KEPT_AS_PAGE = /^(no-cache|public, max-age=31536000, immutable)$/;

const pathOf = ({ path }: FuzzedRequest): string => path.split('?', 1)[0] ?? path;
const mediaTypeOf = (answer: Answer): string => (answer.headers['content-type'] ?? '').split(';', 1)[0]?.trim() ?? '';

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const everyAnswer = (answer: Answer, platform: boolean): Breach[] => {
  const breaches: Breach[] = [];
  for (const [name, form] of HEADER_RULES) if (!form.test(answer.headers[name] ?? '')) breaches.push({ rule: `header ${name}`, seen: answer.headers[name] ?? 'absent' });
  const kept = answer.headers['cache-control'] ?? 'absent';
  if (!KEPT_BY_NOBODY.test(kept) && !(PAGE.test(mediaTypeOf(answer)) && KEPT_AS_PAGE.test(kept))) breaches.push({ rule: 'header cache-control', seen: kept });
  for (const name of ['x-powered-by', 'server', 'x-injected', 'access-control-allow-origin']) if (answer.headers[name] !== undefined) breaches.push({ rule: `no header ${name}`, seen: answer.headers[name] });
  if (answer.body !== '' && !/charset=utf-8/i.test(answer.headers['content-type'] ?? '') && !/javascript|font|image/.test(mediaTypeOf(answer))) breaches.push({ rule: 'content type with charset', seen: answer.headers['content-type'] ?? 'absent' });
  if (answer.status >= 400) {
    if (answer.body !== '' && !/^application\/(problem|fhir)\+json$/.test(mediaTypeOf(answer))) breaches.push({ rule: 'problem', seen: mediaTypeOf(answer) });
    if (answer.body.includes(MARKER)) breaches.push({ rule: 'no echo of values', seen: answer.body });
    if (LEAKS.test(answer.body)) breaches.push({ rule: 'no internals', seen: answer.body });
  }
  if (answer.status === 401 && answer.headers['www-authenticate'] === undefined) breaches.push({ rule: 'challenge', seen: 'absent' });
  if ((answer.status === 429 || answer.status === 503) && !/^[1-9]\d*$/.test(answer.headers['retry-after'] ?? '')) breaches.push({ rule: 'retry-after', seen: answer.headers['retry-after'] ?? 'absent' });
  return platform ? breaches.filter(({ rule }) => !rule.startsWith('header content-security-policy')) : breaches;
};

const declaredAnswer = (request: FuzzedRequest, { template, method, responses }: OperationInfo, answer: Answer): Breach[] => {
  const { spec } = request.operation;
  const declared = responses.get(String(answer.status));
  if (declared === undefined) return [{ rule: 'declared status', seen: String(answer.status) }];
  const mediaType = mediaTypeOf(answer);
  // A streamed answer of no lines is empty.
  const mayBeEmpty = declared.mayBeEmpty || request.method === 'HEAD' || declared.mediaTypes.some((type) => /ndjson|csv/.test(type));
  if (answer.body === '') return mayBeEmpty ? [] : [{ rule: 'declared body', seen: 'empty' }];
  if (!declared.mediaTypes.includes(mediaType)) return [{ rule: 'declared content type', seen: `${String(answer.status)} ${mediaType}` }];
  const at = `#/paths/${pointerToken(template)}/${method.toLowerCase()}/responses/${String(answer.status)}`;
  const response = meantBy(spec, (((spec.document['paths'] as JsonObject)[template] as JsonObject)[method.toLowerCase()] as { responses: JsonObject }).responses[String(answer.status)]);
  const headers = isNode(response['headers']) ? response['headers'] : {};
  const missing = Object.entries(headers).filter(([name, node]) => meantBy(spec, node)['required'] === true && answer.headers[name.toLowerCase()] === undefined);
  const fault = /[/+]json$/.test(mediaType) ? schemaChecks(spec).answers(`${at}/content/${pointerToken(mediaType)}/schema`, jsonOf(answer.body)) : undefined;
  return [...missing.map(([name]) => ({ rule: 'declared header', seen: name })), ...(fault === undefined ? [] : [{ rule: 'declared schema', seen: fault }])];
};

const showsOther = ({ headers, kind }: FuzzedRequest): boolean =>
  kind === 'raw' || ['authorization', 'cookie', 'x-api-key', 'miauserid'].some((name) => headers[name] !== undefined);

/** Whether somebody whom the operation admits, and who shows nothing odd, was told to sign in. */
export const isRefusedCaller = (request: FuzzedRequest, answer: Answer): boolean => {
  const { role, kind, operation: { service, id } } = request;
  if (answer.status !== 401 || admittedBy(service, id).includes('everybody') || !mayPass(service, id, role)) return false;
  if (kind === 'method' || showsOther(request)) return false;
  return ((jsonOf(answer.body) ?? {}) as { code?: string }).code === 'unauthenticated';
};

/** Credentials are judged before anything but framing. */
const authority = (request: FuzzedRequest, { id, security }: OperationInfo, answer: Answer): Breach[] => {
  const passes = mayPass(request.operation.service, id, request.role);
  const open = security?.some((alternative) => alternative.length === 0) === true;
  if (isRefusedCaller(request, answer)) return [{ rule: 'good credential was refused', seen: request.role }];
  if (passes || open || showsOther(request)) return [];
  return [400, 401, 403, 413, 415].includes(answer.status) ? [] : [{ rule: 'ignored credential', seen: `${request.role} got ${String(answer.status)}` }];
};

const judgement = (request: FuzzedRequest, { id }: OperationInfo, answer: Answer): Breach[] => {
  if (id !== request.operation.id || !['valid', 'bounds', 'mutated', 'path'].includes(request.kind)) return [];
  if (request.fits === false && answer.status < 300) return [{ rule: 'invalid request was taken', seen: String(answer.status) }];
  if (request.fits !== true || !mayPass(request.operation.service, id, request.role) || answer.status !== 400) return [];
  const { errors = [] } = (jsonOf(answer.body) ?? {}) as { errors?: { code: string; pointer: string }[] };
  const isBeyond = (pointer: string): boolean => BEYOND_SCHEMA.some(([operations, place]) => operations.test(id) && place.test(pointer));
  return errors.some(({ code, pointer }) => KEYWORDS.has(code) && !isBeyond(pointer)) ? [{ rule: 'valid request was refused', seen: answer.body }] : [];
};

const matched = (request: FuzzedRequest, answer: Answer): Breach[] => {
  if (request.kind === 'raw') return [];
  const match = request.operation.spec.match(request.method, pathOf(request));
  if (match.kind === 'operation') return [...declaredAnswer(request, match.operation, answer), ...authority(request, match.operation, answer), ...judgement(request, match.operation, answer)];
  if (match.kind === 'not-found') return answer.status === 404 || answer.status === 400 ? [] : [{ rule: 'undeclared path', seen: String(answer.status) }];
  const platform = request.operation.platform && request.method === 'HEAD';
  if (platform) return [];
  if (answer.status !== 405) return [{ rule: 'undeclared method', seen: String(answer.status) }];
  const allowed = (answer.headers['allow'] ?? '').split(', ').filter((method) => method !== 'HEAD').toSorted().join();
  return allowed === match.allow.toSorted().join() ? [] : [{ rule: 'allow header', seen: answer.headers['allow'] ?? 'absent' }];
};

/** Whether an answer did not come, or came so late that nobody waits for it. */
export const isSlow = ({ failed, ms }: Answer): boolean => failed === 'timeout' || ms > SLOWEST_MS;

/** All rules that an answer breaks: the checks of the contract, of headers and errors, of authority, and of what belongs to somebody else. */
export const breachesOf = (request: FuzzedRequest, answer: Answer, secrets: Secrets): Breach[] => {
  if (isSlow(answer)) return [{ rule: 'hang', seen: `${answer.ms.toFixed(0)} ms` }];
  // Node itself refuses what is too long, before there is a request.
  if (answer.status === 431) return everyAnswer(answer, request.operation.platform);
  if (answer.failed === 'closed') return request.kind === 'raw' ? [] : [{ rule: 'closed without an answer', seen: answer.body }];
  if (answer.status >= 500 && answer.status !== 501) return [{ rule: 'server error', seen: `${String(answer.status)} ${answer.body}` }];
  const others = ['nobody', 'patient', 'patient token', 'ended session', 'webhook key', 'webhook token', 'webhook password'].includes(request.role);
  const leaked = others && !showsOther(request) ? secrets.ofBen.filter((secret) => answer.body.includes(secret)) : [];
  return [...everyAnswer(answer, request.operation.platform), ...matched(request, answer), ...leaked.map((secret) => ({ rule: "somebody else's data", seen: secret }))];
};
