import { afterAll, describe, expect, test } from '@jest/globals';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSite, described } from './site.ts';

const { folder, remove } = buildSite();
const read = (name: string) => readFileSync(join(folder, name), 'utf8');
const pages = ['index', ...described.map(({ service }) => service)].map((name) => `${name}.html`);

afterAll(remove);

describe('the static documentation', () => {
  test('is an index, a page and a specification per service, and Redoc once', () => {
    const perService = described.flatMap(({ service }) => [`${service}.html`, `${service}.json`]);
    expect(readdirSync(folder).toSorted()).toEqual([...perService, 'index.html', 'redoc.js', 'redoc.js.LICENSE.txt'].toSorted());
  });

  test.each(pages)('every link of %s leads to a file beside it', (page) => {
    const links = [...read(page).replace(/<script type="application\/json"[\s\S]*?<\/script>/, '').matchAll(/(?:src|href)="([^"]*)"/g)].map(([, link = '']) => link);
    const files = links.filter((link) => link !== 'data:,');
    expect(files.length).toBeGreaterThan(0);
    expect(files.filter((link) => !/^[\w.-]+$/.test(link) || !existsSync(join(folder, link)))).toEqual([]);
  });

  test.each(pages)('%s forbids itself all that is not its own, before it loads anything', (page) => {
    const policy = /<meta http-equiv="Content-Security-Policy" content="([^"]+)">/.exec(read(page));
    expect(policy?.[1]).toMatch(/^default-src 'none';/);
    expect(policy?.[1]).not.toMatch(/https?:|\*|frame-ancestors|script-src[^;]*'unsafe/);
    expect(policy?.index).toBeLessThan(read(page).search(/<script|<style|<link/));
  });

  test.each(described)('the index has a card of $title', ({ service, title, summary, version, operations }) => {
    const card = read('index.html').split('<article>').find((text) => text.includes(`>${title}<`)) ?? '';
    expect(card).toContain(`href="${service}.html"`);
    expect(card).toContain(`href="${service}.json"`);
    expect(card).toContain(`<p>${summary}</p>`);
    expect(card).toContain(`Version ${version}, ${operations.length} operations`);
  });

  test.each(described)('$service.json is the specification, and its page carries the same', ({ service, document }) => {
    const inPage = /<script type="application\/json" id="specification">([\s\S]*?)<\/script>/.exec(read(`${service}.html`))?.[1];
    expect(JSON.parse(read(`${service}.json`))).toEqual(document);
    expect(JSON.parse(inPage ?? '')).toEqual(document);
  });
});
