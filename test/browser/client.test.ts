import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { build } from 'esbuild';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { describeInBrowser, openBrowser } from '../setup/browser.ts';
import { startTestVitalgate, type TestUser, type TestVitalgate } from '../setup/vitalgate.ts';

/** What the page has under `window.app`. */
const app = `
  import { createClient, storageStore } from './client.ts';
  const events = [];
  const client = createClient({ baseUrl: location.origin, store: storageStore(localStorage), onEvent: (event) => events.push(event) });
  window.app = { client, open: async () => client.openOutbox({ owner: localStorage.getItem('owner') ?? await client.whoIsSignedIn() }), statuses: () => events.flatMap((event) => (event.kind === 'verdicts' ? event.verdicts.map(({ status }) => status) : [])), anchors: () => events.filter(({ kind }) => kind === 'anchor').length };
`;

interface PageApp {
  readonly client: {
    readonly signIn: (credentials: object) => Promise<void>;
    readonly api: { readonly POST: (path: string, init: object) => Promise<{ response: { status: number } }> };
    readonly whoIsSignedIn: () => Promise<string>;
  };
  /** The outbox of who is signed in, or of whom the page remembers. */
  readonly open: () => Promise<{ readonly addSamples: (samples: unknown[], options?: object) => Promise<void>; readonly flush: (options?: object) => Promise<{ state: string }> }>;
  readonly statuses: () => string[];
  readonly anchors: () => number;
}

describeInBrowser('in a browser', () => {
  let vitalgate: TestVitalgate;
  let browser: Browser;
  let user: TestUser;
  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
    user = await vitalgate.addUser();
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await vitalgate.stop();
  });

  /** An app that is served from where the BFF is, as behind one proxy. */
  const openApp = async (): Promise<Page> => {
    const { outputFiles } = await build({ stdin: { contents: app, resolveDir: join(import.meta.dirname, '..', '..', 'src', 'client') }, bundle: true, format: 'esm', platform: 'browser', write: false });
    const page = await (await browser.newContext()).newPage();
    await page.route('**/app.html', (route) => route.fulfill({ contentType: 'text/html', body: `<!doctype html><title>App</title><script type="module">${outputFiles[0]?.text ?? ''}</script>` }));
    await page.goto(`${vitalgate.urls.bff}/app.html`);
    return page;
  };

  test('samples wait through a reload and an outage, and arrive once, with the cookies of the browser', async () => {
    const page = await openApp();
    await page.evaluate(async ({ username, password }) => {
      const { client, open } = (globalThis as unknown as { app: PageApp }).app;
      await client.signIn({ username, password });
      localStorage.setItem('owner', await client.whoIsSignedIn());
      await client.api.POST('/devices/assign', { body: { deviceId: 'watch', deviceType: 'Wearable', deviceProvider: 'apple-healthkit' } });
      const at = (second: number) => new Date(Date.UTC(2024, 6, 1) + second * 1000).toISOString();
      const samples = Array.from({ length: 1500 }, (_, second) => ({ id: crypto.randomUUID(), type: 'HeartRate', unit: 'bpm', value: 71, startDate: at(second), endDate: at(second) }));
      await (await open()).addSamples(samples, { anchor: { name: 'HeartRate', value: 'a' } });
    }, { username: user.username, password: user.password });
    await page.context().setOffline(true);
    expect(await page.evaluate(async () => (await (globalThis as unknown as { app: PageApp }).app.open()).flush({ attempts: 1 }))).toEqual({ state: 'unreachable' });
    await page.context().setOffline(false);
    await page.reload();
    const outcome = await page.evaluate(async () => {
      const { open, statuses, anchors } = (globalThis as unknown as { app: PageApp }).app;
      const [{ state }] = await Promise.all([open().then((outbox) => outbox.flush()), open().then((outbox) => outbox.flush())]);
      return { state, created: statuses().filter((status) => status === 'created').length, all: statuses().length, anchors: anchors(), left: Object.keys(localStorage) };
    });
    expect(outcome).toEqual({ state: 'empty', created: 1500, all: 1500, anchors: 1, left: ['owner'] });
    const { rows } = await vitalgate.database.pool.query<{ count: string }>('select count(*) from device_manager.sample where patient_id = $1', [user.id]);
    expect(rows[0]?.count).toBe('1500');
  });
});
