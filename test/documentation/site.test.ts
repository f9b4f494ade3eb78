import { afterAll, describe, expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSite, described } from './site.ts';

const { folder, remove } = buildSite();
const read = (name: string) => readFileSync(join(folder, name), 'utf8');
const pages = ['index', ...described.map(({ service }) => service)].map((name) => `${name}.html`);

afterAll(remove);

describe('the static documentation', () => {
  test('is an index, a page and a specification per service, guides, and Redoc and a style sheet once', () => {
    const perService = described.flatMap(({ service }) => [`${service}.html`, `${service}.json`]);
    const names = readdirSync(folder);
    expect([...perService, 'index.html', 'redoc.js', 'redoc.js.LICENSE.txt', 'style.css', 'errors.html', 'getting-started-apps.html', 'healthkit-permissions.html', 'sync.html', 'medisante.html', 'rules.html', 'operations.html', 'security.html'].filter((name) => !names.includes(name))).toEqual([]);
    expect(names.filter((name) => !/\.html$|\.json$|^redoc\.js|^style\.css$|^decisions$|^screenshots$/.test(name))).toEqual([]);
  });

  test.each(pages)('%s forbids itself all that is not its own, before it loads anything', (page) => {
    const policy = /<meta http-equiv="Content-Security-Policy" content="([^"]+)">/.exec(read(page));
    expect(policy?.[1]).toMatch(/^default-src 'none';/);
    expect(policy?.[1]).not.toMatch(/https?:|\*|frame-ancestors|script-src[^;]*'unsafe/);
    expect(policy?.index).toBeLessThan(read(page).search(/<script|<style|<link/));
  });

  test.each(described)('the index has a card of $title', ({ service, title, summary, version, operations }) => {
    const card = read('index.html').split('<article>').slice(1).find((text) => text.includes(`>${title}<`)) ?? '';
    expect(card).toContain(`href="${service}.html"`);
    expect(card).toContain(`href="${service}.json"`);
    expect(card).toContain(`<p>${summary}</p>`);
    expect(card).toContain(`Version ${version}, ${operations.length} operations`);
  });

  test.each(described)('$service.json is the specification, and its page carries the same with code samples', ({ service, document }) => {
    const inPage = /<script type="application\/json" id="specification">([\s\S]*?)<\/script>/.exec(read(`${service}.html`))?.[1];
    expect(JSON.parse(read(`${service}.json`))).toEqual(document);
    const withoutSamples: unknown = JSON.parse(inPage ?? '', (key, value: unknown) => (key === 'x-codeSamples' ? undefined : value));
    expect(withoutSamples).toEqual(document);
    expect(inPage).toContain('"x-codeSamples":[{"lang":"Shell"');
  });

  test('a diagram is shown in its notation, and the page one is on is marked in the menu', () => {
    const page = read('architecture.html');
    expect(page).toContain('<figure class="diagram"><pre tabindex="0"><code>flowchart LR');
    expect(page.match(/<a href="[^"]+" aria-current="page">/g)).toEqual(['<a href="architecture.html" aria-current="page">']);
  });
});
