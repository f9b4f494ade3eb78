import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, extname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import pino from 'pino';
import type { Browser, Page } from 'playwright-core';
import { createBff } from '../../src/bff/service.ts';
import { describeInBrowser, openBrowser } from '../setup/browser.ts';
import { buildSite, described } from '../documentation/site.ts';

const types: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript', '.json': 'application/json' };

/** Any web server: the files under a path of its own, without headers of ours. */
const serve = async (folder: string): Promise<{ url: string; server: Server }> => {
  const server = createServer(({ url = '' }, response) => {
    const name = basename(url);
    response.setHeader('Content-Type', types[extname(name)] ?? 'text/plain').end(readFileSync(join(folder, name)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/some/path/`, server };
};

/** A page without network: what it asks of others is refused and told, like every error of its console. */
const openPage = async (browser: Browser, start: string): Promise<{ page: Page; faults: string[] }> => {
  const own = new URL('.', start).href;
  const context = await browser.newContext();
  const page = await context.newPage();
  const faults: string[] = [];
  await context.route('**', async (route) => {
    const url = route.request().url();
    if (url.startsWith(own) || /^(data|blob):/.test(url)) return route.continue();
    faults.push(`asked for ${url}`);
    return route.abort();
  });
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && faults.push(message.text()));
  page.on('pageerror', (error) => faults.push(error.message));
  await page.goto(start);
  return { page, faults };
};

const seesOperations = async (page: Page, ids: readonly string[]): Promise<void> => {
  await page.waitForSelector('[id^="operation/"]');
  const missing: string[] = [];
  for (const id of ids) if ((await page.locator(`[id="operation/${id}"]`).count()) !== 1) missing.push(id);
  expect(missing).toEqual([]);
};

describeInBrowser('in a browser without network', () => {
  let browser: Browser;
  let site: ReturnType<typeof buildSite>;
  let web: Awaited<ReturnType<typeof serve>>;

  beforeAll(async () => {
    site = buildSite();
    web = await serve(site.folder);
    browser = await openBrowser();
  });

  afterAll(async () => {
    await browser.close();
    web.server.close();
    site.remove();
  });

  const starts = [
    ['from the disk', () => pathToFileURL(join(site.folder, 'index.html')).href],
    ['from a web server under a path', () => `${web.url}index.html`],
  ] as const;

  describe.each(starts)('%s', (_where, start) => {
    test.each(described)('the index leads to $title and back, and every operation is shown', async ({ title, operations }) => {
      const { page, faults } = await openPage(browser, start());
      await page.getByRole('article').getByRole('link', { name: title, exact: true }).click();
      await seesOperations(page, operations.map(({ id }) => id));
      expect(await page.title()).toBe(title);
      await page.getByRole('link', { name: 'All services and guides' }).click();
      await page.getByRole('heading', { name: 'Vitalgate', exact: true }).waitFor();
      expect(faults).toEqual([]);
      await page.context().close();
    });

    test('the search finds an operation', async () => {
      const { page, faults } = await openPage(browser, start().replace('index.html', 'bff.html'));
      await page.getByPlaceholder('Search...').fill('uploadHealthData Upload samples');
      await page.locator('[data-role="search:results"]').getByText('Upload samples', { exact: true }).waitFor();
      expect(faults).toEqual([]);
      await page.context().close();
    });
  });

  test('a running service shows its operations under its own policy', async () => {
    const nowhere = 'http://127.0.0.1:1';
    const bff = createBff({ deviceManagerUrl: nowhere, userManagerUrl: nowhere, serviceToken: 'x'.repeat(32), userIdHeader: 'miauserid', secureCookies: false, log: pino({ level: 'silent' }), version: '0.0.0' });
    const { url } = await bff.listen(0, '127.0.0.1');
    const { page, faults } = await openPage(browser, `${url}/documentation`);
    await seesOperations(page, described.find(({ service }) => service === 'bff')?.operations.map(({ id }) => id) ?? []);
    await page.getByRole('navigation', { name: 'Contracts' }).getByRole('link', { name: 'Vitalgate Device Manager' }).click();
    await page.waitForURL(`${url}/documentation/device-manager`);
    await seesOperations(page, described.find(({ service }) => service === 'device-manager')?.operations.map(({ id }) => id) ?? []);
    expect(await (await fetch(`${url}/documentation/user-manager.json`)).json()).toMatchObject({ info: { title: 'Vitalgate User Manager' } });
    expect(faults).toEqual([]);
    await page.context().close();
    await bff.stop();
  });
});
