import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { resolvePointer, type JsonObject } from '../../src/http/spec.ts';

/** What a client notices of a change: a break, something more, or words alone. */
export type Impact = 'break' | 'addition' | 'wording';

/** One difference between two specifications. */
export interface Change {
  readonly impact: Impact;
  /** JSON pointer of the place, by paths of the specification. */
  readonly at: string;
  readonly told: string;
}

/** The part of redocly's report (version 1) that is read. */
interface Reported {
  readonly path: string;
  readonly typeName: string;
  readonly kind: 'added' | 'removed' | 'modified';
  readonly impact: 'major' | 'minor' | 'patch';
  readonly property?: string;
  readonly verdicts: readonly { readonly ruleId: string; readonly message: string }[];
  readonly base?: { readonly pointer: string; readonly value?: unknown };
  readonly revision?: { readonly value?: unknown };
}

const root = join(import.meta.dirname, '..', '..');
const impacts = { major: 'break', minor: 'addition', patch: 'wording' } as const;

/** What changes for clients although redocly takes it for words: who left a value out gets another one, or loses a whole batch to one item. */
const alsoBreaks: Readonly<Record<string, string>> = {
  default: 'the value of who sends none has changed',
  'x-verdict-per-item': 'it is no longer told item by item what is refused',
  'x-sunset': 'it ends at another day than was promised',
};

/** A date that is only put off, or given to what had none, is kept as a promise. */
const isLater = ({ base, revision }: Reported): boolean => {
  const [before, after] = [base?.value, revision?.value];
  return typeof before !== 'string' || (typeof after === 'string' && after >= before);
};

const ownVerdict = (change: Reported): string | undefined => {
  const { property = '', base } = change;
  const told = alsoBreaks[property];
  if (told === undefined || change.kind !== 'modified') return undefined;
  if (property === 'x-verdict-per-item') return base?.value === true ? told : undefined;
  if (property === 'x-sunset') return isLater(change) ? undefined : told;
  return told;
};

/** A list that was announced as open (`x-open-enum`) may grow: clients take what they do not know as its description says. */
const isOpenList = (released: JsonObject, { verdicts, property, base }: Reported): boolean => {
  if (property !== 'enum' || base === undefined || verdicts.some(({ ruleId }) => ruleId !== 'enum-values-added')) return false;
  const { node } = resolvePointer(released, base.pointer.replace(/\/enum$/, ''));
  return (node as JsonObject)['x-open-enum'] === true;
};

/** What readers alone see, though redocly counts what is new of it as an addition: examples, tags, pictures, links, code samples. */
const isForReaders = ({ typeName }: Reported): boolean => /^(Example|ExternalDocs|Link|Logo|SpecExtension|Tag|XCodeSample)(s?Map|List)?$/.test(typeName);

const impactOf = (released: JsonObject, change: Reported): Impact => {
  if (isForReaders(change)) return 'wording';
  return isOpenList(released, change) ? 'addition' : impacts[change.impact];
};

const changeOf = (released: JsonObject, change: Reported): Change => {
  const { path, kind, property, verdicts } = change;
  const own = ownVerdict(change);
  const impact = own === undefined ? impactOf(released, change) : 'break';
  const told = own ?? (verdicts.map(({ message }) => message).join(' ') || `${property ?? 'it'} was ${kind}`);
  return { impact, at: property === undefined ? path : `${path}/${property}`, told };
};

/**
 * Compares two bundled specifications, named by files: redocly knows which side of the wire a schema is on, so that what narrows a request
 * or widens an answer is a break and the reverse is none; what it takes for words though clients notice it is added here.
 * Rejects when one of them is no specification.
 */
export const compareContracts = async (releasedFile: string, currentFile: string): Promise<Change[]> => {
  const options = ['--format', 'json', '--fail-on', 'none', '--config', join(root, 'scripts/contract/redocly.yaml'), '--lint-config', 'error'];
  const { stdout } = await promisify(execFile)(join(root, 'node_modules/.bin/redocly'), ['diff', releasedFile, currentFile, ...options], {
    env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
    maxBuffer: 256 * 1024 * 1024,
  });
  const released = JSON.parse(await readFile(releasedFile, 'utf8')) as JsonObject;
  return (JSON.parse(stdout) as { changes: Reported[] }).changes.map((change) => changeOf(released, change));
};
