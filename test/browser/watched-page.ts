import { afterAll, beforeAll } from '@jest/globals';
import axe from 'axe-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { appWith, type App } from '../bff/app.ts';
import { openBrowser } from '../setup/browser.ts';
import { startTestVitalgate, type TestUser, type TestVitalgate } from '../setup/vitalgate.ts';

/** A page of a context of its own, and what the browser complains about. */
export interface WatchedPage {
  readonly page: Page;
  /** Errors and warnings of the console, errors of scripts, and requests to others; refusals that a page expects are left out. */
  readonly faults: string[];
  readonly close: () => Promise<void>;
}

/** The browser tells every refusal in its console; these are how a page learns that nobody is signed in, and that there is no export yet. */
const expected = ['/profile', '/export', '/oauth/token'];

/** Opens a page that may ask nobody but its own service. */
export const watchedPage = async (browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<WatchedPage> => {
  const context = await browser.newContext({ locale: 'en-GB', timezoneId: 'Europe/Rome', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const faults: string[] = [];
  const { origin } = new URL(url);
  page.on('console', (message) => {
    if (!['error', 'warning'].includes(message.type())) return;
    const { url: about } = message.location();
    const isRefusal = message.text().startsWith('Failed to load resource') && about.startsWith(origin) && expected.includes(new URL(about).pathname);
    if (!isRefusal) faults.push(`${message.text()} (${about})`);
  });
  page.on('pageerror', ({ message }) => void faults.push(message));
  page.on('request', (request) => {
    if (!request.url().startsWith(`${origin}/`) && !request.url().startsWith('data:')) faults.push(`asked for ${request.url()}`);
  });
  await page.goto(url);
  return { page, faults, close: () => context.close() };
};

/** Has the program and the browser of this machine run for the tests of a group. */
export const programAndBrowser = (): { readonly vitalgate: () => TestVitalgate; readonly browser: () => Browser } => {
  let [vitalgate, browser]: [TestVitalgate | undefined, Browser | undefined] = [undefined, undefined];
  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
    browser = await openBrowser();
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await vitalgate?.stop();
  });
  const running = <Part>(part: Part | undefined): Part => {
    if (part === undefined) throw new Error('It does not run yet.');
    return part;
  };
  return { vitalgate: () => running(vitalgate), browser: () => running(browser) };
};

/** A person who has enrolled a watch, and their app. */
export const personWithWatch = async ({ addUser, signIn: cookieFor, urls }: TestVitalgate): Promise<{ readonly user: TestUser; readonly app: App }> => {
  const user = await addUser();
  const app = appWith(urls.bff, await cookieFor(user));
  await app.post('/devices/assign', { deviceId: 'watch', deviceType: 'Wearable', deviceProvider: 'apple-healthkit', name: 'Apple Watch' });
  return { user, app };
};

/** Fills in the form of the patient page. */
export const signIn = async (page: Page, { username, password }: Pick<TestUser, 'username' | 'password'>): Promise<void> => {
  await page.getByLabel('User name').fill(username);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
};

/** Opens a view of the patient page by its name. */
export const openView = (page: Page, name: string): Promise<void> => page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name }).click();

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
}

/** What axe finds against WCAG 2.2 AA and its own best practices. */
export const violationsOn = async (page: Page): Promise<string[]> => {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate<{ violations: readonly Violation[] }>('axe.run(document)');
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary = '' }) => `${id}: ${html.slice(0, 160)} ${failureSummary.replaceAll('\n', ' ')}`));
};

/** How many pixels the page is wider than its window. */
export const overflowOf = async (page: Page): Promise<number> => Number(await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth'));
