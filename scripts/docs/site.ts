import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import bff from '../../generated/bff.json' with { type: 'json' };
import deviceManager from '../../generated/device-manager.json' with { type: 'json' };
import userManager from '../../generated/user-manager.json' with { type: 'json' };
import { withCodeSamples } from '../../src/http/code-samples.ts';
import { inHtml, POLICY_IN_PAGE, redocBundle, redocPage } from '../../src/http/documentation.ts';
import { loadSpec } from '../../src/http/spec.ts';
import { guideGroups, nameOf, type Guide } from './guides.ts';
import { renderPage, type LinkRewriting } from './markdown.ts';
import { addressFrom, framed, type MenuGroup } from './page.ts';

/** A bundled specification, as far as the index shows it. */
interface Specification {
  readonly info: { readonly title: string; readonly summary: string; readonly version: string };
}

const services: readonly { readonly name: string; readonly specification: Specification }[] = [
  { name: 'bff', specification: bff },
  { name: 'device-manager', specification: deviceManager },
  { name: 'user-manager', specification: userManager },
];

const root = join(import.meta.dirname, '..', '..');

const BACK = '<p style="margin: 0; padding: 0.5rem 1rem; font-family: system-ui, sans-serif"><a href="index.html">All services and guides</a></p>\n';

const cardOf = ({ name, specification }: (typeof services)[number]): string => {
  const { title, summary, version } = specification.info;
  return `<article>
<h2><a href="${name}.html">${inHtml(title)}</a></h2>
<p>${inHtml(summary)}</p>
<p>Version ${inHtml(version)}, ${loadSpec(specification).operations.length} operations</p>
<p><a href="${name}.json">Specification as JSON</a></p>
</article>`;
};

const indexBody = (menu: readonly MenuGroup[]): string => `<h1>Vitalgate</h1>
<p>Vitalgate takes in health data from phones and medical devices and keeps every payload as received, encrypted under a key of the
patient's own. It normalizes the samples to LOINC and UCUM and charts them.</p>
<h2>Contracts</h2>
<div class="cards">
${services.map(cardOf).join('\n')}
</div>
${menu.slice(1, -1).map(({ name, entries }) => `<h2>${inHtml(name)}</h2>\n<ul>\n${entries.map((entry) => `<li><a href="${entry.page}">${inHtml(entry.name)}</a></li>`).join('\n')}\n</ul>`).join('\n')}
`;

/** Links between guides lead to their pages; a link to another file of the repository keeps its text alone. */
const rewritingFor = (guide: Guide, pages: ReadonlyMap<string, string>): LinkRewriting => (target) => {
  if (/^(https?:|#)/.test(target)) return target;
  const [path = '', anchor] = target.split('#');
  const source = posix.join(posix.dirname(guide.source), path).replace(/\/$/, '');
  const page = pages.get(source) ?? (source === 'docs/decisions' ? [...pages.values()].find((one) => one.startsWith('decisions/')) : undefined);
  if (page === undefined && !existsSync(join(root, source))) throw new Error(`${guide.source} links ${target}, which is not there.`);
  return page === undefined ? undefined : `${addressFrom(guide.page, page)}${anchor === undefined ? '' : `#${anchor}`}`;
};

const pictures = join(root, 'docs', 'screenshots');

/** Pictures are beside the pages, wherever the guide that shows them is. */
const withPictures = (markdown: string): string => markdown.replaceAll('(docs/screenshots/', '(screenshots/').replaceAll('"docs/screenshots/', '"screenshots/');

/**
 * Contracts and guides as files by their path in the site: an index, a page of each guide, a page and the specification of each service,
 * Redoc and a style sheet once. All links are relative, so the files open from a disk and from any path of a web server; nothing asks
 * another host. Throws when a guide links a file that is not there.
 */
export const documentationSite = (): ReadonlyMap<string, string | Buffer> => {
  const { script, licence } = redocBundle();
  const groups = guideGroups();
  const guides = groups.flatMap((group) => group.guides);
  const pages = new Map(guides.map(({ source, page }) => [source, page]));
  const rendered = new Map(guides.map((guide) => [guide.source, renderPage(withPictures(guide.markdown), rewritingFor(guide, pages))]));
  const titleOf = (guide: Guide): string => nameOf(guide, rendered.get(guide.source)?.title ?? '');
  const menu: MenuGroup[] = [
    { name: 'Contracts', entries: services.map(({ name, specification }) => ({ page: `${name}.html`, name: specification.info.title })) },
    ...groups.map(({ name, guides: members }) => ({ name, entries: members.map((guide) => ({ page: guide.page, name: titleOf(guide) })) })),
  ];
  return new Map<string, string | Buffer>([
    ...readdirSync(pictures).map((name): [string, Buffer] => [`screenshots/${name}`, readFileSync(join(pictures, name))]),
    ['index.html', framed({ page: 'index.html', title: 'Vitalgate', body: indexBody(menu) }, menu)],
    ...guides.map((guide): [string, string] => [guide.page, framed({ page: guide.page, title: titleOf(guide), body: rendered.get(guide.source)?.html ?? '' }, menu)]),
    ...services.flatMap(({ name, specification }): [string, string][] => [
      [`${name}.html`, redocPage(withCodeSamples(loadSpec(specification)), { script: 'redoc.js', specification: `${name}.json` }, { head: POLICY_IN_PAGE, top: BACK })],
      [`${name}.json`, `${JSON.stringify(specification, null, 2)}\n`],
    ]),
    ['style.css', readFileSync(join(import.meta.dirname, 'style.css'))],
    ['redoc.js', script],
    ['redoc.js.LICENSE.txt', licence],
  ]);
};
