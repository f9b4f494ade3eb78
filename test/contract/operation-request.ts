import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import type { OperationInfo } from '../../src/http/operation-info.ts';
import type { Spec } from '../../src/http/spec.ts';
import type { TestVitalgate } from '../setup/vitalgate.ts';
import { meantBy, specifications } from './specifications.ts';

/** An operation of one of the services, with what a request for it may be made of. */
export interface Asked {
  readonly service: string;
  readonly id: string;
  readonly operation: OperationInfo;
  /** The first example of its body, with its media type. */
  readonly body?: { readonly mediaType: string; readonly value: unknown };
}

const bodyOf = (spec: Spec, { template, method }: OperationInfo): Pick<Asked, 'body'> => {
  const item = (spec.document['paths'] as Record<string, Record<string, { requestBody?: unknown }>>)[template];
  const body = item?.[method.toLowerCase()]?.requestBody;
  const content = body === undefined ? undefined : meantBy(spec, body)['content'];
  const [first] = Object.entries((content ?? {}) as Readonly<Record<string, { readonly examples?: Readonly<Record<string, unknown>> }>>);
  if (first === undefined) return {};
  const [example] = Object.values(first[1].examples ?? {});
  return { body: { mediaType: first[0], value: meantBy(spec, example)['value'] } };
};

/** All operations of the three services. */
export const operations: readonly Asked[] = specifications.flatMap(({ service, spec }) =>
  spec.operations.map((operation) => ({ service, id: operation.id, operation, ...bodyOf(spec, operation) })));

/** Those that declare a status and fit, as rows of a table. */
export const declaring = (status: number, fits: (asked: Asked) => boolean = () => true): Asked[] =>
  operations.filter((asked) => asked.operation.responses.has(String(status)) && fits(asked));

/** Names of another form, of files and jobs that are not there. */
const otherNames: Readonly<Record<string, string>> = {
  retryJob: '4711', discardJob: '4711', retryAccountJob: '4711', discardAccountJob: '4711',
  getPageScript: `nobodys-${'f'.repeat(16)}.js`, getPageStyle: `nobodys-${'f'.repeat(16)}.css`,
};

/** The path with every parameter filled: with what is given by its name, `json` for formats, else an identifier or name that nothing has. */
export const pathFor = ({ id, operation: { template } }: Asked, given: Readonly<Record<string, string>> = {}): string =>
  template.replaceAll(/\{(\w+)\}/g, (_, name: string) => given[name] ?? otherNames[id] ?? (name === 'format' ? 'json' : 'f'.repeat(32)));

/** A body as it goes over the wire, and the header that says what it is. */
export const bodyFor = ({ body }: Asked): RequestInit => {
  if (body === undefined) return {};
  const { mediaType, value } = body;
  if (mediaType === 'multipart/form-data') {
    const form = new FormData();
    for (const [name, text] of Object.entries(value as Record<string, string>)) form.append(name, text);
    return { body: form };
  }
  const isForm = mediaType === 'application/x-www-form-urlencoded';
  const text = isForm ? new URLSearchParams(value as Record<string, string>).toString() : typeof value === 'string' ? value : JSON.stringify(value);
  return { body: text, headers: { 'content-type': mediaType } };
};

/** Sends headers that announce a body of so many bytes, and nothing of it; the status that is answered nevertheless, once the service has ended the connection. */
export const announce = async (url: string, method: string, headers: Readonly<Record<string, string>>, bytes: number): Promise<number> => {
  const { hostname, port, host, pathname } = new URL(url);
  // A client that knows the answer is whole would hang up; this one stays, as one that is about to send.
  const socket = connect(Number(port), hostname);
  const lines = Object.entries({ host, ...headers, 'content-length': String(bytes) }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`${method} ${pathname} HTTP/1.1\r\n${lines.join('')}\r\n`);
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(await text(socket))?.[1]);
};

export type Headers = Readonly<Record<string, string>>;

/** The security schemes that will do for an operation; none for one that is open. */
export const schemesOf = ({ operation: { security = [] } }: Asked): readonly string[] => security.flat();

/** Answered by the kit itself, without a handler. */
export const isPlatform = ({ operation: { platform } }: Asked): boolean => platform;

/** Somebody who asks: where, with which credential by scheme, and with which values of path parameters. */
export interface Asker {
  readonly base: Readonly<Record<string, string>>;
  readonly credentials: Readonly<Record<string, Headers>>;
  readonly given: Readonly<Record<string, string>>;
}

/** What is sent otherwise than usual; `headers` are added, `isKnown: false` leaves the credential out. */
export interface Twist {
  readonly query?: string;
  readonly method?: string;
  readonly body?: string;
  readonly headers?: Headers;
  readonly isKnown?: boolean;
}

export const urlFor = ({ base, given }: Asker, asked: Asked): string => `${base[asked.service] ?? ''}${pathFor(asked, given)}`;

/** The credential of the first scheme that the asker has one for. */
export const credentialFor = ({ credentials }: Asker, asked: Asked): Headers =>
  schemesOf(asked).map((scheme) => credentials[scheme]).find((headers) => headers !== undefined) ?? {};

/** Sends an operation's example with a twist; the status of the answer. */
export const statusOf = async (asker: Asker, asked: Asked, { query = '', method = asked.operation.method, body, headers = {}, isKnown = true }: Twist = {}): Promise<number> => {
  const usual = bodyFor(asked);
  const answer = await fetch(`${urlFor(asker, asked)}${query}`, {
    method,
    ...(method !== 'GET' && { body: body ?? usual.body ?? null }),
    headers: { ...(usual.headers as Headers), ...(isKnown && credentialFor(asker, asked)), ...headers },
  });
  await answer.arrayBuffer();
  return answer.status;
};

/** A patient and an operator of a running program, and the keys of services and senders. */
export const askerOf = async (vitalgate: TestVitalgate): Promise<Asker> => {
  const { urls, serviceToken } = vitalgate;
  const [anna, chief] = [await vitalgate.addUser(), await vitalgate.addUser({ userGroup: 'operator' })];
  const signedIn = await fetch(`${urls.userManager}/oauth/token`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ username: chief.username, password: chief.password }) });
  const session = { cookie: await vitalgate.signIn(anna) };
  return {
    base: { bff: urls.bff, 'device-manager': urls.deviceManager, 'user-manager': urls.userManager },
    given: { patientId: anna.id, identifier: 'hospital-monitor' },
    credentials: {
      session,
      accessToken: session,
      operatorCredential: { authorization: `Bearer ${((await signedIn.json()) as { accessToken: string }).accessToken}` },
      serviceCredential: { authorization: `Bearer ${serviceToken}`, miauserid: anna.id },
      senderKey: { 'x-api-key': (await vitalgate.createWebhookKey()).key },
    },
  };
};
