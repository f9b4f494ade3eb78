/** A bundled specification, as much of it as the planted changes reach for. */
export interface Contract {
  readonly openapi: string;
  readonly info: { title: string; version: string };
  readonly paths: Record<string, Record<string, PlantedOperation>>;
  readonly components: { readonly schemas: Record<string, Schema>; readonly securitySchemes: Record<string, object> };
}

interface Schema {
  [keyword: string]: unknown;
  required?: string[];
  properties?: Record<string, Schema>;
}

interface PlantedOperation {
  operationId: string;
  description?: string;
  tags?: string[];
  deprecated?: boolean;
  security?: object[];
  parameters?: { name: string; in: string; required?: boolean; schema: Schema }[];
  requestBody?: { required: boolean; content: Record<string, { schema: Schema }> };
  responses: Record<string, { description: string; headers?: Record<string, object>; content?: Record<string, { schema: Schema; examples?: object }> }>;
  [extension: `x-${string}`]: unknown;
}

const entry = (): Schema => ({
  type: 'object',
  required: ['name'],
  additionalProperties: false,
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 50 },
    kind: { type: 'string', enum: ['wearable', 'medical'] },
    weight: { type: 'number', minimum: 0, maximum: 500 },
    seen: { type: 'string', format: 'date-time' },
    note: { type: 'string', maxLength: 50 },
  },
});

const operation = (path: string): PlantedOperation => ({
  operationId: `do${path}`,
  description: 'Does it.',
  tags: ['Things'],
  security: [{ session: [] }],
  parameters: [
    { name: 'limit', in: 'query', schema: { type: 'integer', minimum: 1, maximum: 200, default: 25 } },
    { name: 'state', in: 'query', schema: { type: 'string', enum: ['open', 'closed'] } },
  ],
  requestBody: { required: false, content: { 'application/json': { schema: entry() }, 'application/xml': { schema: { type: 'string' } } } },
  responses: {
    200: { description: 'Done.', headers: { ETag: { required: true, schema: { type: 'string' } } }, content: { 'application/json': { schema: entry(), examples: {} } } },
    304: { description: 'Not changed.' },
    404: { description: 'Nothing there.', content: { 'application/json': { schema: { type: 'object', properties: { code: { type: 'string', enum: ['not-found'], 'x-open-enum': true } } } } } },
  },
});

type Plant = (contract: Contract) => void;
type Reach = (operation: PlantedOperation, contract: Contract) => void;

const at = (path: string, reach: Reach): { path: string; plant: Plant } => ({
  path,
  plant: (contract) => {
    const planted = contract.paths[`/${path}`]?.['post'];
    if (planted === undefined) throw new Error(`There is no ${path}.`);
    reach(planted, contract);
  },
});

const sentBody = ({ requestBody }: PlantedOperation): Schema => requestBody?.content['application/json']?.schema ?? {};
const answered = ({ responses }: PlantedOperation): Schema => responses[200]?.content?.['application/json']?.schema ?? {};
const member = (schema: Schema, name: string): Schema => schema.properties?.[name] ?? {};
const without = (schema: Schema, name: string): void => {
  delete schema.properties?.[name];
  schema.required = (schema.required ?? []).filter((one) => one !== name);
};
const parameter = ({ parameters }: PlantedOperation, index: number): NonNullable<PlantedOperation['parameters']>[number] => {
  const found = parameters?.[index];
  if (found === undefined) throw new Error('There is no such parameter.');
  return found;
};

/** Changes that a client of the released contract would notice, each in an operation of its own. */
export const plantedBreaks: readonly { situation: string; path: string; plant: Plant; told: RegExp }[] = [
  { situation: 'an operation removed', path: 'gone', plant: ({ paths }) => delete paths['/gone'], told: /removed/ },
  { situation: 'a method removed', path: 'method', plant: ({ paths }) => delete paths['/method']?.['post'], told: /removed/ },
  { situation: 'an operation under another operationId', ...at('renamed', (one) => (one.operationId = 'other')), told: /operationId/ },
  { situation: 'a status removed', ...at('status', ({ responses }) => delete responses['404']), told: /Response `404` was removed/ },
  { situation: 'a success that has another status', ...at('moved', (one) => (one.responses = Object.fromEntries(Object.entries(one.responses).map(([status, answer]) => [status === '200' ? '201' : status, answer])))), told: /`200`/ },
  { situation: 'a value of a parameter no longer taken', ...at('enum', (one) => (parameter(one, 1).schema['enum'] = ['open'])), told: /lost values/ },
  { situation: 'a value of a member no longer taken', ...at('kind', (one) => (member(sentBody(one), 'kind')['enum'] = ['medical'])), told: /lost values/ },
  { situation: 'another value in answers', ...at('value', (one) => (member(answered(one), 'kind')['enum'] = ['wearable', 'medical', 'other'])), told: /gained values/ },
  { situation: 'a new member that must be sent', ...at('required', (one) => Object.assign(sentBody(one), { required: ['name', 'unit'], properties: { ...sentBody(one).properties, unit: { type: 'string' } } })), told: /became required: `unit`/ },
  { situation: 'a member that must be sent from now on', ...at('demanded', (one) => (sentBody(one).required = ['name', 'kind'])), told: /became required: `kind`/ },
  { situation: 'a member no longer taken', ...at('dropped', (one) => without(sentBody(one), 'note')), told: /`note`/ },
  { situation: 'a member no longer answered', ...at('unanswered', (one) => without(answered(one), 'note')), told: /`note`/ },
  { situation: 'a member no longer always answered', ...at('sometimes', (one) => (answered(one).required = [])), told: /no longer required: `name`/ },
  { situation: 'a member that may be null in answers', ...at('null', (one) => (member(answered(one), 'note')['type'] = ['string', 'null'])), told: /widened/ },
  { situation: 'another type in answers', ...at('type', (one) => (member(answered(one), 'weight')['type'] = 'string')), told: /Type of `weight`/ },
  { situation: 'another type of what is sent', ...at('sent', (one) => (member(sentBody(one), 'weight')['type'] = 'integer')), told: /Type of `weight` narrowed/ },
  { situation: 'another format in answers', ...at('format', (one) => (member(answered(one), 'seen')['format'] = 'date')), told: /`format` of `seen`/ },
  { situation: 'a shorter text', ...at('shorter', (one) => (member(sentBody(one), 'name')['maxLength'] = 20)), told: /`maxLength`/ },
  { situation: 'a lower greatest number', ...at('lower', (one) => (member(sentBody(one), 'weight')['maximum'] = 250)), told: /bound|maximum/ },
  { situation: 'a higher least number of a parameter', ...at('higher', (one) => (parameter(one, 0).schema['minimum'] = 10)), told: /bound|minimum/ },
  { situation: 'a pattern that was not there', ...at('pattern', (one) => (member(sentBody(one), 'note')['pattern'] = '^[a-z]+$')), told: /`pattern`/ },
  { situation: 'fewer items', ...at('fewer', ({ requestBody }) => (Object.values(requestBody?.content ?? {})[0] ?? { schema: {} }).schema['maxProperties'] = 3), told: /`maxProperties`/ },
  { situation: 'a longer text in answers', ...at('longer', (one) => (member(answered(one), 'note')['maxLength'] = 5000)), told: /`maxLength`/ },
  { situation: 'a parameter removed', ...at('parameter', (one) => one.parameters?.pop()), told: /`state` query parameter was removed/ },
  { situation: 'a parameter under another name', ...at('called', (one) => (parameter(one, 0).name = '_l')), told: /renamed/ },
  { situation: 'a parameter in another place', ...at('place', (one) => (parameter(one, 0).in = 'header')), told: /header parameter/ },
  { situation: 'a parameter that must be sent from now on', ...at('must', (one) => (parameter(one, 0).required = true)), told: /became required/ },
  { situation: 'a new parameter that must be sent', ...at('new', (one) => one.parameters?.push({ name: 'unit', in: 'query', required: true, schema: { type: 'string' } })), told: /Required `unit`/ },
  { situation: 'another default', ...at('default', (one) => (parameter(one, 0).schema['default'] = 10)), told: /who sends none/ },
  { situation: 'a body that must be sent from now on', ...at('body', ({ requestBody }) => requestBody && (requestBody.required = true)), told: /body became required/ },
  { situation: 'a body no longer taken', ...at('bodiless', (one) => delete one.requestBody), told: /body was removed/ },
  { situation: 'a media type no longer taken', ...at('media', ({ requestBody }) => delete requestBody?.content['application/xml']), told: /`application\/xml` was removed/ },
  { situation: 'another media type in answers', ...at('answer', ({ responses }) => responses[200] && (responses[200].content = { 'text/csv': { schema: { type: 'string' } } })), told: /`application\/json` was removed/ },
  { situation: 'a header no longer answered', ...at('header', ({ responses }) => delete responses[200]?.headers), told: /header/ },
  { situation: 'another credential', ...at('security', (one) => (one.security = [{ bearer: [] }])), told: /[Ss]ecurity/ },
  { situation: 'a credential where none was needed', ...at('open', (one) => (one.security = [{ session: [] }])), told: /Authentication became required/ },
  { situation: 'verdicts no longer item by item', ...at('verdict', ({ requestBody }) => delete requestBody?.content['application/json']?.schema['x-verdict-per-item']), told: /item by item/ },
  { situation: 'an end that comes earlier than promised', ...at('sunset', (one) => (one['x-sunset'] = '2027-01-01')), told: /another day/ },
  { situation: 'a shared schema that grows where it is answered', ...at('shared', (_one, { components }) => (components.schemas['Shared'] = { type: 'string', enum: ['a', 'b', 'c'] })), told: /gained values/ },
];

/** Changes that no client of the released contract notices; `impact` is what they count as, undefined where nothing is found at all. */
export const plantedHarmless: readonly { situation: string; path: string; plant: Plant; impact: 'addition' | 'wording' | undefined }[] = [
  { situation: 'a new operation', path: 'another', plant: ({ paths }) => (paths['/another'] = { post: operation('another') }), impact: 'addition' },
  { situation: 'a new status of a refusal', ...at('status', ({ responses }) => (responses['409'] = { description: 'Conflict.' })), impact: 'addition' },
  { situation: 'a new parameter that may be left out', ...at('parameter', (one) => one.parameters?.push({ name: 'unit', in: 'query', schema: { type: 'string' } })), impact: 'addition' },
  { situation: 'a new member that may be left out', ...at('dropped', (one) => Object.assign(sentBody(one).properties ?? {}, { unit: { type: 'string' } })), impact: 'addition' },
  { situation: 'a new member in answers', ...at('unanswered', (one) => Object.assign(answered(one).properties ?? {}, { unit: { type: 'string' } })), impact: 'addition' },
  { situation: 'a new header in answers', ...at('header', ({ responses }) => Object.assign(responses[200]?.headers ?? {}, { Age: { schema: { type: 'integer' } } })), impact: 'addition' },
  { situation: 'another credential that will do', ...at('security', (one) => one.security?.push({ bearer: [] })), impact: 'addition' },
  { situation: 'a new code in a list that is open', ...at('value', ({ responses }) => (member(responses[404]?.content?.['application/json']?.schema ?? {}, 'code')['enum'] = ['not-found', 'gone'])), impact: 'addition' },
  { situation: 'a value more that is taken', ...at('kind', (one) => (member(sentBody(one), 'kind')['enum'] = ['wearable', 'medical', 'other'])), impact: 'wording' },
  { situation: 'a value less in answers', ...at('enum', (one) => (member(answered(one), 'kind')['enum'] = ['medical'])), impact: 'wording' },
  { situation: 'a longer text that is taken', ...at('shorter', (one) => (member(sentBody(one), 'name')['maxLength'] = 200)), impact: 'wording' },
  { situation: 'a shorter text in answers', ...at('longer', (one) => (member(answered(one), 'note')['maxLength'] = 20)), impact: 'wording' },
  { situation: 'a member that may be left out from now on', ...at('demanded', (one) => (sentBody(one).required = [])), impact: 'wording' },
  { situation: 'a member that is always answered from now on', ...at('sometimes', (one) => (answered(one).required = ['name', 'note'])), impact: 'wording' },
  { situation: 'other words', ...at('renamed', (one) => (one.description = 'Does it well.')), impact: 'wording' },
  { situation: 'another tag', ...at('moved', (one) => (one.tags = ['Others'])), impact: 'wording' },
  { situation: 'another example', ...at('type', ({ responses }) => Object.assign(responses[200]?.content?.['application/json'] ?? {}, { examples: { one: { value: { name: 'Watch' } } } })), impact: 'wording' },
  { situation: 'a code sample', ...at('fewer', (one) => (one['x-codeSamples'] = [{ lang: 'curl', source: 'curl' }])), impact: 'wording' },
  { situation: 'another order', ...at('called', (one) => one.parameters?.reverse()), impact: undefined },
  { situation: 'a deprecation', ...at('must', (one) => Object.assign(one, { deprecated: true, 'x-deprecated-on': '2026-11-01', 'x-sunset': '2027-06-30' })), impact: 'wording' },
  { situation: 'an end that is put off', ...at('sunset', (one) => (one['x-sunset'] = '2028-01-01')), impact: 'wording' },
  { situation: 'a shared schema under another name', ...at('shared', ({ responses }, { components }) => {
    components.schemas['SharedByName'] = components.schemas['Shared'] ?? {};
    for (const { schema } of Object.values(responses[200]?.content ?? {})) schema['$ref'] = '#/components/schemas/SharedByName';
  }), impact: undefined },
];

const names = plantedBreaks.map(({ path }) => path);

/** A contract with one operation for each planted change, all alike but for what some changes start from. */
export const releasedContract: Contract = {
  openapi: '3.1.0',
  info: { title: 'Planted', version: '1.0.0' },
  paths: Object.fromEntries(names.map((path) => [`/${path}`, { post: operation(path) }])),
  components: {
    schemas: { Shared: { type: 'string', enum: ['a', 'b'] } },
    securitySchemes: { session: { type: 'apiKey', in: 'cookie', name: 'sid' }, bearer: { type: 'http', scheme: 'bearer' } },
  },
};

const { paths } = releasedContract;
const startOf = (path: string): PlantedOperation => paths[`/${path}`]?.['post'] ?? operation(path);
startOf('open').security = [];
Object.assign(startOf('sunset'), { deprecated: true, 'x-deprecated-on': '2026-11-01', 'x-sunset': '2027-06-30' });
sentBody(startOf('verdict'))['x-verdict-per-item'] = true;
Object.assign(startOf('shared').responses[200]?.content ?? {}, { 'application/json': { schema: { $ref: '#/components/schemas/Shared' } } });
startOf('shared').parameters?.push({ name: 'shared', in: 'query', schema: { $ref: '#/components/schemas/Shared' } });
