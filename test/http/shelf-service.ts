import pino from 'pino';
import type { Authenticators } from '../../src/http/authentication.ts';
import type { AnyHandler } from '../../src/http/operation.ts';
import { createServiceServer, type ServiceOptions, type ServiceServer } from '../../src/http/service-server.ts';
import { loadSpec, type Spec } from '../../src/http/spec.ts';

const text = { type: 'string' };
const problemAnswer = { description: 'Problem.' };
const jsonBody = (schema: object, extra: object = {}): object => ({ content: { 'application/json': { schema } }, ...extra });
const answer = (schema?: object): object => ({
  description: 'Answer.',
  ...(schema !== undefined && { content: { 'application/json': { schema } } }),
});
const id = { name: 'id', in: 'path', required: true, schema: { type: 'string', pattern: '^[a-z]+$', maxLength: 20 } };
const format = { name: 'format', in: 'path', required: true, schema: { enum: ['plain-json', 'json'] }, 'x-problem': 'unknown-format' };
const limit = { name: 'limit', in: 'query', schema: { type: 'integer', minimum: 1, maximum: 10, default: 5 } };
const prefer = { name: 'Prefer', in: 'header', schema: { type: 'string', maxLength: 40 } };
const samples = { $ref: '#/components/schemas/Samples' };

/** A small real specification: books on shelves, with every kind of operation the kit has to serve. */
export const shelfDocument = {
  openapi: '3.1.0',
  info: { title: 'Shelves', version: '1.0.0' },
  servers: [{ url: '/somewhere' }],
  security: [{ session: [] }, { bearer: [] }],
  paths: {
    '/books': {
      get: { operationId: 'listBooks', parameters: [limit, prefer], responses: { 200: answer({ type: 'array', items: { type: 'object' } }), 400: problemAnswer } },
      post: {
        operationId: 'addBook',
        requestBody: jsonBody({ $ref: '#/components/schemas/Book' }, { required: true }),
        responses: { 200: answer({ type: 'object', required: ['id'], properties: { id: text } }) },
      },
    },
    '/books/lost': { get: { operationId: 'listLost', responses: { 200: answer({ type: 'array', items: text }) } } },
    '/books/{id}': { parameters: [id], get: { operationId: 'getBook', responses: { 200: answer({ type: 'object' }), 404: problemAnswer } } },
    '/books/{id}/return': { post: { operationId: 'returnBook', parameters: [id], responses: { 204: answer() } } },
    '/books/{id}/lend': {
      post: {
        operationId: 'lendBook', parameters: [id],
        requestBody: jsonBody({ type: 'object', additionalProperties: false, properties: { until: text } }),
        responses: { 204: answer() },
      },
    },
    '/samples': { post: { operationId: 'addSamples', requestBody: jsonBody(samples, { required: true }), responses: { 200: answer({ type: 'object' }) } } },
    '/samples/{format}': {
      post: { operationId: 'addSamplesInFormat', parameters: [format], requestBody: jsonBody(samples, { required: true }), responses: { 200: answer({ type: 'object' }) } },
    },
    '/token': {
      post: {
        operationId: 'issueToken', security: [],
        requestBody: {
          required: true,
          content: {
            'application/json': { schema: { $ref: '#/components/schemas/Credentials' } },
            'application/x-www-form-urlencoded': { schema: { $ref: '#/components/schemas/Credentials' } },
          },
        },
        responses: { 200: { ...answer({ type: 'object', required: ['token'], properties: { token: text } }), 'x-empty-body': true } },
      },
    },
  },
  components: {
    securitySchemes: {
      session: { type: 'apiKey', in: 'cookie', name: 'sid' },
      bearer: { type: 'http', scheme: 'bearer' },
    },
    schemas: {
      Book: {
        type: 'object', required: ['title'], additionalProperties: false,
        properties: { title: { type: 'string', maxLength: 20 }, pages: { type: 'integer', minimum: 1 } },
      },
      Credentials: { type: 'object', required: ['username'], properties: { username: text, password: text } },
      Samples: {
        type: 'array', maxItems: 3, 'x-verdict-per-item': true,
        items: { type: 'object', required: ['startDate'], properties: { startDate: { type: 'string', format: 'date-time' }, value: { type: 'number' } } },
      },
    },
  },
};

/** A copy of the document, changed in place by `change`, loaded. */
export const shelfSpec = (change: (document: typeof shelfDocument) => void = () => undefined): Spec => {
  const document = structuredClone(shelfDocument);
  change(document);
  return loadSpec(document);
};

/** What the handlers were called with, in order. */
export interface Shelf {
  readonly service: ServiceServer;
  readonly calls: { operation: string; call: Record<string, unknown> }[];
  readonly credentialsJudged: string[];
  readonly errors: unknown[];
  readonly lines: Record<string, unknown>[];
}

const replies: Record<string, unknown> = {
  listBooks: { status: 200, body: [] },
  addBook: { status: 200, body: { id: 'a' } },
  listLost: { status: 200, body: [] },
  getBook: { status: 200, body: {} },
  returnBook: { status: 204 },
  lendBook: { status: 204 },
  addSamples: { status: 200, body: {} },
  addSamplesInFormat: { status: 200, body: {} },
  issueToken: { status: 200, body: { token: 't' } },
};

/** A service on the shelf spec; the bearer `let-me-in` is the only credential it knows. */
export const openShelf = (
  { handlers = {}, ...options }: Partial<Omit<ServiceOptions<string>, 'handlers'>> & { handlers?: Record<string, AnyHandler> } = {},
): Shelf => {
  const shelf: Omit<Shelf, 'service'> = { calls: [], credentialsJudged: [], errors: [], lines: [] };
  const authenticators: Authenticators<string> = {
    session: async () => Promise.resolve(null),
    bearer: async ({ headers, operationId }) => {
      shelf.credentialsJudged.push(operationId);
      return Promise.resolve(headers.authorization === 'Bearer let-me-in' ? 'reader' : null);
    },
  };
  const defaults = Object.fromEntries(Object.entries(replies).map(([operation, reply]): [string, AnyHandler] => [
    operation,
    (call: Record<string, unknown>) => {
      shelf.calls.push({ operation, call });
      return reply as { status: number };
    },
  ]));
  const log = pino({ level: 'debug' }, { write: (line: string) => shelf.lines.push(JSON.parse(line) as Record<string, unknown>) });
  const service = createServiceServer({
    name: 'shelf', version: '1.0.0', spec: shelfSpec(), authenticators, log,
    validateResponses: true, onError: (error) => shelf.errors.push(error),
    ...options,
    handlers: { ...defaults, ...handlers },
  });
  return { ...shelf, service };
};
