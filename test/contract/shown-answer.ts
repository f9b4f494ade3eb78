import { isNode, meantBy, specifications } from './specifications.ts';

/** Members that each run makes anew: identifiers, instants, secrets, digests, and where the test sits. Of these the kind of value is compared. */
const madeByTheRun = /^(_id|id|sub|.*(Id|At|Ids)|at|until|assignedFrom|issued|versionId|lastUpdated|updated_at|expireAt|accessToken|refreshToken|access_token|key|clientSecret|prefix|kid|x|y|sha256|digest|pseudonym|auditPseudonym|requestedBy|url|peer|destroyedKeys)$/;
/** Numbers that count all there is, which depends on what a story did before; of these too. */
const counted = /^(|files|sizeBytes|entries|version|users|sessions|refreshTokens|passwordResets|bulkJobs|jobs|signInFailures|mails|auditRows|therapyMonitoring|samples|unchanged|changed|repaired|broken)$/;
/** Lists of which an example shows the beginning. */
const shownInPart = /^(|entry|resource|searchParam|supportedProfile|destroyedKeys|rewritten|interaction|sessions|refreshTokens)$/;

/** Identifiers and addresses inside texts, such as references of FHIR. */
const unnamed = (text: string): string => text.replaceAll(/[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}/gi, '(id)').replaceAll(/http:\/\/127\.0\.0\.1:\d+/g, '(service)');

const closestOf = (found: readonly string[][]): string[] => found.toSorted((a, b) => a.length - b.length)[0] ?? [];

/** What of an answer is not as its example shows it: places and what differs, in words. An empty list where it says the same. */
const differences = (shown: unknown, answered: unknown, at = '', name = ''): string[] => {
  if (Array.isArray(shown) && Array.isArray(answered)) {
    if (shown.length > 0 && answered.length > 0 && shownInPart.test(name)) return shown.flatMap((one, index) => closestOf(answered.map((other: unknown) => differences(one, other, `${at}/${index}`, name))));
    if (shown.length !== answered.length) return [`${at}: ${shown.length} shown, ${answered.length} answered`];
    return shown.flatMap((one, index) => differences(one, answered[index], `${at}/${index}`, name));
  }
  // A certificate counts what there was, by names of tables.
  if (at.endsWith('/certificate/counts')) return [];
  if (isNode(shown) && isNode(answered)) {
    return [...new Set([...Object.keys(shown), ...Object.keys(answered)])].flatMap((key) => {
      if (!(key in answered)) return [`${at}/${key}: shown, not answered`];
      if (!(key in shown)) return [`${at}/${key}: answered, not shown`];
      return differences(shown[key], answered[key], `${at}/${key}`, key);
    });
  }
  if (madeByTheRun.test(name) && !/^\/\d+\/data\//.test(at) && typeof shown === typeof answered) return [];
  if (counted.test(name) && typeof shown === 'number' && typeof answered === 'number') return [];
  if (typeof shown === 'string' && typeof answered === 'string' && unnamed(shown) === unnamed(answered)) return [];
  return shown === answered ? [] : [`${at}: ${JSON.stringify(shown)} shown, ${JSON.stringify(answered)} answered`];
};

const examplesOf = (operationId: string, status: number, mediaType: string): [string, unknown][] => {
  for (const { spec } of specifications) {
    const operation = spec.operations.find(({ id }) => id === operationId);
    if (operation === undefined) continue;
    const item = (spec.document['paths'] as Record<string, Record<string, { responses: Record<string, unknown> }>>)[operation.template];
    const content = meantBy(spec, item?.[operation.method.toLowerCase()]?.responses[String(status)])['content'] as Record<string, { examples?: object }> | undefined;
    return Object.entries(content?.[mediaType]?.examples ?? {}).map(([name, one]) => [name, meantBy(spec, one)['value']]);
  }
  throw new Error(`No specification has ${operationId}.`);
};

const lines = (text: string): string[] => text.trim().split(/\r?\n/);

/** Reads what is compared of a body: JSON, a list of it, or the names of a table's columns; undefined for pages and archives. */
const reader = (mediaType: string): ((text: string) => unknown) | undefined => {
  if (mediaType.endsWith('ndjson')) return (text) => lines(text).map((line) => JSON.parse(line) as unknown);
  if (mediaType.endsWith('json')) return (text) => JSON.parse(text) as unknown;
  return mediaType === 'text/csv' ? (text) => lines(text)[0] : undefined;
};

/** How an answer differs from the example of its status that is closest to it; undefined where one says the same, or nothing is to be compared. */
export const untruth = (operationId: string, status: number, contentType: string | null, body: string): string | undefined => {
  const mediaType = contentType?.split(';', 1)[0] ?? '';
  const read = reader(mediaType);
  if (read === undefined || body === '') return undefined;
  const valueOf = (shown: unknown): unknown => (typeof shown === 'string' ? read(shown) : shown);
  const answered = read(body);
  const isEmpty = (value: unknown): boolean => Array.isArray(value) && value.length === 0;
  const [closest] = examplesOf(operationId, status, mediaType).filter(([, shown]) => isEmpty(answered) || !isEmpty(shown)).map(([name, shown]) => ({ name, found: differences(valueOf(shown), answered) })).toSorted((a, b) => a.found.length - b.found.length);
  if (closest === undefined) return `${operationId} ${status} has no example`;
  return closest.found.length === 0 ? undefined : `${operationId} ${status} is not as ${closest.name} shows it: ${closest.found.slice(0, 8).join('; ')}`;
};
