import { afterAll, describe, expect, test } from '@jest/globals';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { renderPage } from '../../scripts/docs/markdown.ts';
import { buildSite } from './site.ts';

const root = join(import.meta.dirname, '..', '..');
const listIn = (folder: string, ending: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith(ending) && !name.startsWith('site')).map((name) => join(folder, name)).toSorted();
const sources = [...readdirSync(root).filter((name) => name.endsWith('.md')), ...listIn('docs', '.md'), ...listIn('openapi', '.md'), join('test', 'fixtures', 'SOURCES.md')];
const pages = new Map(sources.map((source) => [source, renderPage(readFileSync(join(root, source), 'utf8'))]));

/** Links of a page that lead nowhere: to a file that is not there, or to a heading that a page does not have. */
const deadLinks = (source: string, { links }: { readonly links: readonly string[] }): string[] =>
  links.filter((link) => !/^(https?|mailto):/.test(link)).filter((link) => {
    const [path = '', anchor] = link.split('#');
    const target = path === '' ? source : join(dirname(source), decodeURIComponent(path));
    if (!existsSync(join(root, target))) return true;
    return anchor !== undefined && pages.get(target)?.headings.some((heading) => heading.anchor === anchor) !== true;
  });

describe('links', () => {
  test('there are pages to look at', () => {
    expect(sources.length).toBeGreaterThan(40);
    expect([...pages.values()].flatMap(({ links }) => links).length).toBeGreaterThan(200);
  });

  test.each(sources)('of %s lead to files and headings', (source) => {
    expect(deadLinks(source, pages.get(source) ?? { links: [] })).toEqual([]);
  });

  test('a decision that is named by its number is the one that is linked', () => {
    const named = sources.flatMap((source) => [...readFileSync(join(root, source), 'utf8').matchAll(/\[[Dd]ecision (\d+)\]\((?:[^)]*\/)?(\d{4})-/g)].map(([link, number, file]) => ({ source, link, number: Number(number), file: Number(file) })));
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter(({ number, file }) => number !== file)).toEqual([]);
  });

  test.each([
    ['a file that is not there', 'docs/client.md', '[x](nowhere.md)'],
    ['a heading that is not there', 'docs/client.md', '[x](uploads.md#nothing)'],
    ['a heading of the page itself that is not there', 'README.md', '[x](#nothing)'],
  ])('a page with %s is noticed', (_situation, source, markdown) => {
    expect(deadLinks(source, renderPage(markdown))).toHaveLength(1);
  });
});

describe('the site', () => {
  const { folder, remove } = buildSite();
  afterAll(remove);
  const html = (readdirSync(folder, { recursive: true, encoding: 'utf8' })).filter((name) => name.endsWith('.html')).toSorted();
  const textOf = (page: string): string => readFileSync(join(folder, page), 'utf8').replace(/<script type="application\/json"[\s\S]*?<\/script>/, '');
  const idsOf = (page: string): Set<string> => new Set([...textOf(page).matchAll(/ id="([^"]+)"/g)].map(([, id = '']) => id));

  test('has a page of each guide and each decision', () => {
    const contracts = 3;
    const ours = sources.filter((source) => !source.startsWith('test'));
    expect(html).toHaveLength(ours.length + contracts + 1);
  });

  test.each(html)('%s links pages and headings of the site alone', (page) => {
    const targets = [...textOf(page).matchAll(/(?:src|href)="([^"]*)"/g)].map(([, link = '']) => link.replaceAll('&amp;', '&')).filter((link) => link !== 'data:,' && !link.startsWith('https://') && !link.startsWith('http://'));
    const dead = targets.filter((link) => {
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? page : relative(folder, join(folder, dirname(page), path));
      return target.startsWith('..') || !existsSync(join(folder, target)) || (anchor !== undefined && !idsOf(target).has(decodeURIComponent(anchor)));
    });
    expect(dead).toEqual([]);
  });

  test.each(html)('%s loads nothing from another host, and says so in its policy', (page) => {
    expect(textOf(page).match(/<(?:script|link|img|iframe)[^>]+(?:src|href)="(?:https?:)?\/\/[^"]*"/g)).toBeNull();
    expect(textOf(page)).toMatch(/<meta http-equiv="Content-Security-Policy" content="default-src 'none'/);
  });
});
