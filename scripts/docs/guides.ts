import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');

/** A page of Markdown of the repository. */
export interface Guide {
  /** Path in the repository, with slashes. */
  readonly source: string;
  /** Path in the site. */
  readonly page: string;
  readonly markdown: string;
}

/** Pages under one heading of the menu. */
export interface GuideGroup {
  readonly name: string;
  readonly guides: readonly Guide[];
}

/** The order in which one reads them; pages of docs/ that are in no group come under the last. */
const order: readonly (readonly [name: string, sources: readonly string[]])[] = [
  ['Build an app', ['getting-started-apps', 'healthkit-permissions', 'sync', 'uploads', 'client', 'errors', 'healthkit-types', 'apple-health-import']],
  ['Connect and normalize', ['medisante', 'rules', 'fhir', 'health-data-queries', 'therapy-monitoring', 'foreign-upstreams']],
  ['Operate', ['operations', 'configuration', 'commands', 'users', 'backup', 'faults', 'benchmarks']],
  ['Security and privacy', ['security', 'encryption', 'audit', 'privacy', 'security-checklist', 'security-inventory']],
  ['Inside', ['architecture', 'glossary', 'dependencies', '../README.md', '../CONTRIBUTING.md', '../openapi/WRITING.md', '../openapi/extensions.md', '../SECURITY.md', '../CHANGELOG.md']],
];

/** docs/decisions/0001-x.md → decisions/0001-x.html; what lies outside of docs/ says so, for a page there may have the same name. */
const pageOf = (source: string): string => {
  const path = source.startsWith('docs/') ? source.slice('docs/'.length) : `repository-${source.replaceAll('/', '-').toLowerCase()}`;
  return path.replace(/\.md$/, '.html');
};

const guideOf = (source: string): Guide => ({ source, page: pageOf(source), markdown: readFileSync(join(root, source), 'utf8') });

const sourcesIn = (folder: string): string[] => readdirSync(join(root, folder)).filter((name) => name.endsWith('.md')).toSorted().map((name) => `${folder}/${name}`);

const sourceOf = (name: string): string => (name.startsWith('../') ? name.slice(3) : `docs/${name}.md`);

/** All pages of the repository's documentation, as the menu shows them. */
export const guideGroups = (): GuideGroup[] => {
  const listed = order.flatMap(([, names]) => names.map(sourceOf));
  const others = sourcesIn('docs').filter((source) => !listed.includes(source));
  const groups = order.map(([name, names], index) => ({ name, guides: [...names.map(sourceOf), ...(index === order.length - 1 ? others : [])].map(guideOf) }));
  return [...groups, { name: 'Decisions', guides: sourcesIn('docs/decisions').map(guideOf) }];
};

/** Short name of a guide in the menu: its heading, but for pages whose heading is the project's name. */
export const nameOf = ({ source }: Guide, title: string): string => (source === 'README.md' ? 'README' : title === '' ? basename(source) : title);
