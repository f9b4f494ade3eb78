import { addressOf, sampleRequests, type SampleBody, type SampleCredential, type SampleRequest } from './sample-request.ts';
import type { JsonObject, Spec } from './spec.ts';

/** One sample as Redoc shows it (`x-codeSamples`). */
export interface CodeSample {
  readonly lang: 'Shell' | 'TypeScript' | 'Swift';
  readonly label: string;
  readonly source: string;
}

const LINE = 100;

/** How a language writes texts and names of members, and what comes after the last member of several lines. */
interface Notation {
  readonly text: (text: string) => string;
  readonly name: (name: string) => string;
  readonly lastComma: string;
}

const json: Notation = { text: JSON.stringify, name: JSON.stringify, lastComma: '' };

const typeScriptText = (text: string): string => `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
const typeScriptNotation: Notation = { text: typeScriptText, name: (name) => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : typeScriptText(name)), lastComma: ',' };

/** A value on one line where that is short, else with each member on a line of its own. */
const literal = (value: unknown, notation: Notation, indent = ''): string => {
  if (typeof value === 'string') return notation.text(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const inner = `${indent}  `;
  const isList = Array.isArray(value);
  const members = isList ? value.map((one) => literal(one, notation, inner)) : Object.entries(value).map(([name, one]) => `${notation.name(name)}: ${literal(one, notation, inner)}`);
  const [open, close, space] = isList ? ['[', ']', ''] : ['{', '}', ' '];
  const short = `${open}${space}${members.join(', ')}${space}${close}`;
  if (members.length === 0) return open + close;
  return short.length <= LINE && !short.includes('\n') ? short : `${open}\n${members.map((one) => inner + one).join(',\n')}${notation.lastComma}\n${indent}${close}`;
};

const bodyText = (body: SampleBody): string => {
  if (body.kind === 'form') return new URLSearchParams(Object.fromEntries(body.fields)).toString();
  return body.kind === 'json' ? literal(body.value, json) : '';
};

const inQuotes = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

const curlCredentials: Readonly<Record<SampleCredential, readonly string[]>> = {
  none: [], session: ['-b cookies.txt'], service: ['-H "authorization: Bearer $SERVICE_TOKEN"'], operator: ['-H "authorization: Bearer $OPERATOR_TOKEN"'],
  'sender-key': ['-H "x-api-key: $SENDER_KEY"'], client: ['-u "$CLIENT_ID:$CLIENT_SECRET"'],
};

const curlBody = (body: SampleBody): string[] => {
  if (body.kind === 'form') return body.fields.map(([name, value]) => `--data-urlencode ${inQuotes(`${name}=${value}`)}`);
  if (body.kind === 'multipart') return body.fields.map(([name, value]) => `--form-string ${inQuotes(`${name}=${value}`)}`);
  return [`-H 'content-type: ${body.mediaType}'`, `--data-binary ${inQuotes(bodyText(body))}`];
};

const curl = (request: SampleRequest): string => {
  const { operation: { method }, credential, patientId, body, setsCookie, answers } = request;
  const verb = method === (body === undefined ? 'GET' : 'POST') ? [] : [`-X ${method}`];
  // A form alone makes curl post; a client that sends its secret in the form names itself there.
  const shown = credential === 'client' && body?.kind === 'form' && body.fields.some(([name]) => name === 'client_id') ? [] : curlCredentials[credential];
  const parts = [
    `curl -sS ${inQuotes(addressOf(request))}`, ...verb, ...shown, ...(setsCookie ? ['-c cookies.txt'] : []), ...(patientId === undefined ? [] : [`-H 'miauserid: ${patientId}'`]),
    ...(answers === 'application/zip' ? ['-o archive.zip'] : []), ...(body === undefined ? [] : curlBody(body)),
  ];
  return parts.join(' \\\n  ');
};

const CREATED = "const client = createClient({ baseUrl: 'SERVER' });";

/** The client of the BFF has names of its own for signing in and out; everything else goes over its typed `api`. */
const typeScript = (request: SampleRequest): string => {
  const { operation: { id, method, template }, path, query, body, server, answers } = request;
  if (id === 'signIn') return `import { createClient } from 'vitalgate/client';\n\n${CREATED.replace('SERVER', server)}\nawait client.signIn(${literal(body?.kind === 'json' ? body.value : {}, typeScriptNotation)});\n`;
  if (id === 'signOut') return 'await client.signOut();\n';
  const params = { ...(Object.keys(path).length > 0 && { path }), ...(Object.keys(query).length > 0 && { query }) };
  const parseAs = answers === 'application/zip' ? { parseAs: 'blob' } : answers?.startsWith('text/') === true ? { parseAs: 'text' } : {};
  const options = { ...(Object.keys(params).length > 0 && { params }), ...(body?.kind === 'json' && { body: body.value }), ...parseAs };
  const given = Object.keys(options).length === 0 ? '' : `, ${literal(options, typeScriptNotation)}`;
  return `const { ${answers === undefined ? '' : 'data, '}error } = await client.api.${method}('${template}'${given});\nif (error) console.warn(error.code, error.detail);\n`;
};

const swiftCredentials: Readonly<Record<SampleCredential, readonly (readonly [name: string, value: string])[]>> = {
  none: [], session: [], service: [['Authorization', '"Bearer \\(serviceToken)"']], operator: [['Authorization', '"Bearer \\(operatorToken)"']], 'sender-key': [['x-api-key', 'senderKey']], client: [],
};

const swift = (request: SampleRequest): string => {
  const { operation: { method }, credential, patientId, body, answers } = request;
  const headers: (readonly [string, string])[] = [...swiftCredentials[credential], ...(patientId === undefined ? [] : [['miauserid', `"${patientId}"`] as const]), ...(body === undefined ? [] : [['Content-Type', `"${body.mediaType}"`] as const])];
  const lines = [
    `var request = URLRequest(url: URL(string: "${addressOf(request)}")!)`,
    ...(method === 'GET' ? [] : [`request.httpMethod = "${method}"`]),
    ...headers.map(([name, value]) => `request.setValue(${value}, forHTTPHeaderField: "${name}")`),
    ...(body === undefined ? [] : [`request.httpBody = Data(#"""\n${bodyText(body)}\n"""#.utf8)`]),
    ...(credential === 'session' ? ['// URLSession keeps the cookie of signIn, and sends it.'] : []),
    `let (${answers === undefined ? '_' : 'data'}, response) = try await URLSession.shared.data(for: request)`,
    'let status = (response as? HTTPURLResponse)?.statusCode',
  ];
  return `${lines.join('\n')}\n`;
};

/** The samples of one request: curl, Swift where the body can be written in a line, and our client where the service has one. */
export const codeSamplesOf = (request: SampleRequest, hasClient: boolean): CodeSample[] => [
  { lang: 'Shell', label: 'curl', source: curl(request) },
  ...(hasClient ? [{ lang: 'TypeScript', label: 'TypeScript client', source: typeScript(request) } as const] : []),
  ...(request.body?.kind === 'multipart' || request.credential === 'client' ? [] : [{ lang: 'Swift', label: 'Swift URLSession', source: swift(request) } as const]),
];

/**
 * The document with `x-codeSamples` in each operation, made from its examples; what it is made from stays as it is. The services
 * whose specification has a cookie as its only credential are those of the published client.
 */
export const withCodeSamples = (spec: Spec): JsonObject => {
  const hasClient = [...spec.securitySchemes.values()].every((scheme) => scheme.in === 'cookie');
  const document = structuredClone(spec.document) as { paths: Record<string, Record<string, Record<string, unknown>>> };
  for (const request of sampleRequests(spec)) {
    const operation = document.paths[request.operation.template]?.[request.operation.method.toLowerCase()];
    if (operation) operation['x-codeSamples'] = codeSamplesOf(request, hasClient);
  }
  return document;
};
