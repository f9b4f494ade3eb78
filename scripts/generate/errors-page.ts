import { problemCatalogue, type ProblemCode } from '../../src/http/problem.ts';
import { loadSpec, resolvePointer, type JsonObject, type Spec } from '../../src/http/spec.ts';
import { demonstrations, preparation } from './problem-demonstrations.ts';

const intro = `# Errors

Made from the catalogue of \`src/http/problem.ts\` and the specifications by \`npm run generate\`; do not edit it here.

Every error of every service is \`application/problem+json\` (RFC 9457) with the same members; under \`/fhir\` it is an OperationOutcome with
the same \`code\`. An app decides by \`code\`, and treats one it does not know by its status. Alone what is no HTTP, or comes
too slowly to be a request, is answered without a body (400, 408, 413, 431): after 408 halve the batch.

| member | meaning |
|---|---|
| \`code\` | stable name of the problem, as listed below; may be a new one in a newer version |
| \`status\`, \`statusCode\` | the HTTP status |
| \`title\`, \`error\` | the problem and the status in a few words, for logs |
| \`detail\`, \`message\` | what to do next, for developers and logs, in English; never a value of the request |
| \`errors\` | single faults, each with a JSON pointer into the body, or \`/query/name\`, \`/path/name\`, \`/headers/name\` |
| \`retryable\` | whether the same request can succeed later |
| \`limits\` | the bounds of an upload, with 413 |
| \`instance\` | the id of the request, also in \`X-Request-Id\`: quote it when asking for help |
| \`type\` | \`urn:vitalgate:problem:\` and the code |

What is wrong with one sample of an upload is no problem of the request: the receipt tells it sample by sample ([uploads.md](uploads.md)).
Texts for people are the app's own, by \`code\`: \`detail\` speaks to developers.

`;

const seeing = `
## Seeing them

Each code below has a request that shows it against the demo, where one can. Start it (\`npm start -- --demo\`), and say once in a second
terminal, in the same folder:

\`\`\`sh
${preparation}
\`\`\`

A test sends them all. What only a fault of the installation shows, the demo does not have.

## Codes
`;

const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

/** A service by its name for readers, and what its operations answer. */
interface Answering {
  readonly name: string;
  readonly operations: readonly { readonly id: string; readonly codes: ReadonlySet<unknown> }[];
}

/** The codes that the answers of an operation show in their examples. */
const codesOf = (document: JsonObject, answers: unknown): Set<unknown> => {
  const meant = (node: unknown): unknown => (isObject(node) && typeof node['$ref'] === 'string' ? resolvePointer(document, node['$ref']).node : node);
  const membersOf = (node: unknown): unknown[] => Object.values((meant(node) ?? {}));
  const examples = membersOf(answers).flatMap((answer) => membersOf((meant(answer) as JsonObject)['content'])).flatMap((media) => membersOf((meant(media) as JsonObject)['examples']));
  return new Set(examples.map((example) => ((meant(example) as JsonObject)['value'] as JsonObject | undefined)?.['code']));
};

const answering = ({ title, document, operations }: Spec): Answering => {
  const paths = document['paths'] as Record<string, Record<string, { readonly responses: unknown }>>;
  return { name: title.replace('Vitalgate ', ''), operations: operations.map(({ id, template, method }) => ({ id, codes: codesOf(document, paths[template]?.[method.toLowerCase()]?.responses) })) };
};

/** More operations than these are not listed one by one. */
const MOST_LISTED = 6;

const whereOf = (code: ProblemCode, services: readonly Answering[]): string => {
  const places = services.map(({ name, operations }) => ({ name, ids: operations.filter(({ codes }) => codes.has(code)).map(({ id }) => id) })).filter(({ ids }) => ids.length > 0);
  const told = places.map(({ name, ids }) => `${name} (${ids.length > MOST_LISTED ? `${String(ids.length)} operations` : ids.join(', ')})`);
  return told.length === 0 ? 'any service' : told.join('; ');
};

const section = (code: ProblemCode, advice: string, services: readonly Answering[]): string => {
  const { status, title, detail, retryable } = problemCatalogue[code];
  const shown = demonstrations[code];
  return `
### ${code}

${String(status)} ${title}; ${retryable ? 'the same request can succeed later' : 'repeating it unchanged cannot succeed'}.

**What the app does.** ${advice}

**What the answer says.** “${detail}” Answered by ${whereOf(code, services)}.

${'shell' in shown ? `\`\`\`sh\n${shown.shell}\n\`\`\`` : shown.unseen}
`;
};

/** docs/errors.md, of the bundled specifications: each code, what an app does about it, and a request that shows it. */
export const errorsPage = (documents: readonly unknown[]): string => {
  const specs = documents.map(loadSpec);
  const services = specs.map(answering);
  const advice = resolvePointer(specs[0]?.document ?? {}, '#/components/schemas/ProblemCode/x-enumDescriptions').node as Record<ProblemCode, string>;
  const codes = Object.keys(problemCatalogue) as ProblemCode[];
  const rows = codes.map((code) => `| [\`${code}\`](#${code}) | ${String(problemCatalogue[code].status)} | ${problemCatalogue[code].retryable ? 'yes' : 'no'} | ${advice[code]} |`);
  return `${intro}| code | status | later? | what the app does |\n|---|---|---|---|\n${rows.join('\n')}\n${seeing}${codes.map((code) => section(code, advice[code], services)).join('')}`;
};
