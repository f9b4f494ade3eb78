import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import type { Browser, Page } from 'playwright-core';
import { hashOfToken } from '../../src/user-manager/session-token.ts';
import { issueReset } from '../../src/user-manager/storage/password-reset-table.ts';
import { describeInBrowser, openBrowser } from '../setup/browser.ts';
import { startTestVitalgate, type TestUser, type TestVitalgate } from '../setup/vitalgate.ts';

const newPassword = 'a new horse in the old stable';
let vitalgate: TestVitalgate;
beforeAll(async () => {
  vitalgate = await startTestVitalgate({ JOBS: [] });
});
afterAll(() => vitalgate.stop());

/** A person with the token of a link, as a mail would bring it. */
const personWithToken = async (): Promise<{ user: TestUser; token: string }> => {
  const user = await vitalgate.addUser();
  const token = randomBytes(32).toString('base64url');
  await issueReset(vitalgate.database.pool, { tokenHash: hashOfToken(token), userId: user.id, minutes: 30 });
  return { user, token };
};
const mayStillReset = async ({ id }: TestUser): Promise<boolean> =>
  (await vitalgate.database.pool.query('select 1 from user_manager.password_reset where user_id = $1 and expires_at > now()', [id])).rowCount === 1;

describeInBrowser('the page to set a new password', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  }, 60_000);
  afterAll(() => browser.close());

  /** Opens the page as somebody who has no other page of ours, and keeps what the browser complains about and asks for. */
  const open = async (fragment: string): Promise<{ page: Page; complaints: string[]; requests: URL[] }> => {
    const page = await (await browser.newContext()).newPage();
    const complaints: string[] = [];
    const requests: URL[] = [];
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    page.on('pageerror', ({ message }) => void complaints.push(message));
    page.on('request', (request) => void requests.push(new URL(request.url())));
    await page.goto(`${vitalgate.urls.bff}/reset-password${fragment}`);
    return { page, complaints, requests };
  };
  const fill = async (page: Page, password: string, again = password) => {
    await page.getByLabel('New password').fill(password);
    await page.getByLabel('The same password again').fill(again);
    await page.getByRole('button', { name: 'Set this password' }).click();
  };

  test('leads from the link to the new password; the token leaves the address bar, and nobody else is asked for anything', async () => {
    const { user, token } = await personWithToken();
    const { page, complaints, requests } = await open(`#token=${token}`);
    expect(page.url()).toBe(`${vitalgate.urls.bff}/reset-password`);
    expect(await page.evaluate('history.length')).toBe(2); // the empty page and this one
    expect(await mayStillReset(user)).toBe(true);
    await fill(page, newPassword);
    await page.getByText('You can sign in now with the new one.').waitFor();
    expect(await page.locator('h1:focus').count()).toBe(1);
    expect(await page.locator('main').getByRole('button').count()).toBe(0);
    expect(await vitalgate.signIn({ ...user, password: newPassword })).toMatch(/^sid=/);
    expect(complaints).toEqual([]);
    expect(new Set(requests.filter(({ protocol }) => protocol !== 'data:').map(({ origin }) => origin))).toEqual(new Set([vitalgate.urls.bff]));
    expect(requests.map(({ href }) => href).join()).not.toContain('?');
    await page.context().close();
  });

  test.each([
    ['too short', 'x'.repeat(14), 'x'.repeat(14), /at least 15 characters/, 'New password', 1],
    ['too long', 'x'.repeat(129), 'x'.repeat(129), /at most 128 characters/, 'New password', 1],
    ['too short once composed', 'e\u0301'.repeat(14), 'e\u0301'.repeat(14), /at least 15 characters/, 'New password', 1],
    ['known to everybody', 'qwertyuiop12345', 'qwertyuiop12345', /list of common ones/, 'New password', 1],
    ['not there', '', '', /Type the new password/, 'New password', 0],
    ['not the same twice', newPassword, `${newPassword}.`, /passwords differ/, 'The same password again', 0],
  ])('says in words what is wrong with passwords that are %s, at the field', async (_situation, password, again, words, field, asked) => {
    const { user, token } = await personWithToken();
    const { page, requests } = await open(`#token=${token}`);
    const before = requests.length;
    await fill(page, password, again);
    await page.getByRole('alert').filter({ hasText: words }).waitFor();
    expect(await page.getByLabel(field).and(page.locator('[aria-invalid=true]:focus')).count()).toBe(1);
    expect([requests.length, await mayStillReset(user)]).toEqual([before + asked, true]);
    await fill(page, newPassword);
    await page.getByText('You can sign in now with the new one.').waitFor();
    await page.context().close();
  });

  test('after a link that works no more it asks for an address and sends it', async () => {
    const { page } = await open(`#token=${randomBytes(32).toString('base64url')}`);
    await fill(page, newPassword);
    await page.getByText('This link works no more').waitFor();
    await page.getByLabel('E-mail address').fill('nobody@example.org');
    await page.getByRole('button', { name: 'Send me a link' }).click();
    await page.getByText('a mail with a link is on its way').waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
    await page.context().close();
  });

  test('without a token it asks for an address, and says when that is none', async () => {
    const { page } = await open('');
    expect(await page.getByLabel('New password').isVisible()).toBe(false);
    await page.getByLabel('E-mail address').fill('anna');
    await page.getByRole('button', { name: 'Send me a link' }).click();
    await page.getByText('This is not an e-mail address.').waitFor();
    const user = await vitalgate.addUser();
    await page.getByLabel('E-mail address').fill(` ${user.username}@example.org `);
    await page.keyboard.press('Enter');
    await page.getByText('a mail with a link is on its way').waitFor();
    const { rows } = await vitalgate.database.pool.query('select 1 from graphile_worker.jobs where key = $1', [`password-reset:${user.id}`]);
    expect(rows).toHaveLength(1);
    await page.context().close();
  });

  test('a second link opened in the same tab counts', async () => {
    const [first, second] = [await personWithToken(), await personWithToken()];
    const { page } = await open(`#token=${first.token}`);
    await page.goto(`${vitalgate.urls.bff}/reset-password#token=${second.token}`);
    await page.waitForURL((url) => url.hash === '');
    await fill(page, newPassword);
    await page.getByText('You can sign in now with the new one.').waitFor();
    expect([await mayStillReset(first.user), await mayStillReset(second.user)]).toEqual([true, false]);
    await page.context().close();
  });

  test('says so when the service does not answer, and the same form works afterwards', async () => {
    const { token } = await personWithToken();
    const { page } = await open(`#token=${token}`);
    await page.context().setOffline(true);
    await fill(page, newPassword);
    await page.getByText('does not answer just now').waitFor();
    await page.context().setOffline(false);
    await fill(page, newPassword);
    await page.getByText('You can sign in now with the new one.').waitFor();
    await page.context().close();
  });

  test('every field has a name, passwords are new ones to a password manager, and can be shown', async () => {
    const { token } = await personWithToken();
    const { page } = await open(`#token=${token}`);
    for (const label of ['New password', 'The same password again']) {
      const field = page.getByLabel(label);
      expect([await field.getAttribute('autocomplete'), await field.getAttribute('type')]).toEqual(['new-password', 'password']);
    }
    await page.getByLabel('Show what I type').check();
    expect(await page.getByLabel('New password').getAttribute('type')).toBe('text');
    expect(await page.locator('html').getAttribute('lang')).toBe('en');
    await page.context().close();
  });

  test('without scripts it says so and shows no form', async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(`${vitalgate.urls.bff}/reset-password#token=x`);
    await page.getByText('This page needs JavaScript').waitFor();
    expect(await page.getByRole('button').count()).toBe(0);
    await context.close();
  });
});
