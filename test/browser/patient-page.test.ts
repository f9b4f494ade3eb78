import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { appWith, signedIn, type App } from '../bff/app.ts';
import { eventually } from '../device-manager/client.ts';
import { describeInBrowser, openBrowser } from '../setup/browser.ts';
import { startMailServer, type MailServer } from '../setup/mail-server.ts';
import { startTestVitalgate, type TestUser, type TestVitalgate } from '../setup/vitalgate.ts';
import { openView, overflowOf, signIn, violationsOn, watchedPage } from './watched-page.ts';

const newPassword = 'a new horse in the old stable';
const hourMs = 3_600_000;

const heartRates = (count: number, from = Date.now() - count * hourMs) => Array.from({ length: count }, (_, index) => {
  const at = new Date(from + index * hourMs).toISOString();
  return { id: randomUUID(), type: 'HeartRate', unit: 'bpm', value: 60 + (index % 24), startDate: at, endDate: at };
});
const weights = (count: number) => heartRates(count).map((sample, index) => ({ ...sample, id: randomUUID(), type: 'BodyMass', unit: 'kg', value: 70 + index / 10 }));

describeInBrowser('the page for people', () => {
  let vitalgate: TestVitalgate;
  let mails: MailServer;
  let browser: Browser;
  beforeAll(async () => {
    mails = await startMailServer();
    vitalgate = await startTestVitalgate({ SMTP_URL: mails.url });
    browser = await openBrowser();
  }, 120_000);
  afterAll(async () => {
    await browser.close();
    await vitalgate.stop();
    await mails.stop();
  });

  const heading = (page: Page, name: string) => page.getByRole('heading', { level: 1, name }).waitFor();
  const drawn = (page: Page) => page.locator('.chart-body:not([aria-busy]) .u-over').first().waitFor();
  const charted = (app: App, type: string) => eventually(async () => (await (await app.get(`/chart-data?normalizedDataType=${type}`)).json()) as unknown[], (series) => series.length > 0);
  /** A person with a watch, two days of heart rates, a weight and a refused sample. */
  const measured = async (): Promise<{ user: TestUser; app: App }> => {
    const user = await vitalgate.addUser();
    const app = appWith(vitalgate.urls.bff, await vitalgate.signIn(user));
    await app.post('/devices/assign', { deviceId: 'watch', deviceType: 'Wearable', deviceProvider: 'apple-healthkit', name: 'Apple Watch' });
    await app.post('/health-data', [...heartRates(48), ...weights(3), ...heartRates(1, Date.now() + 24 * hourMs)]);
    await charted(app, 'heart-rate');
    await charted(app, 'body-weight');
    return { user, app };
  };
  const lookAsStaff = async (patientId: string): Promise<void> => {
    const operator = await vitalgate.addUser({ userGroup: 'operator' });
    const answer = await appWith(vitalgate.urls.userManager, '').post('/oauth/token', { username: operator.username, password: operator.password });
    const { accessToken } = (await answer.json()) as { accessToken: string };
    await fetch(`${vitalgate.urls.deviceManager}/chart-data?normalizedDataType=heart-rate&_id=${patientId}`, { headers: { authorization: `Bearer ${accessToken}` } });
  };

  test('leads from signing in through everything to a new password and back', async () => {
    const user = await vitalgate.addUser();
    const { page, faults, close } = await watchedPage(browser, vitalgate.urls.bff);
    await signIn(page, { ...user, password: 'not the password' });
    await page.getByRole('alert').filter({ hasText: 'do not fit together' }).waitFor();
    await signIn(page, user);
    await page.getByText('Nothing was measured yet').waitFor();
    expect((await page.context().cookies()).map(({ name, httpOnly, sameSite }) => ({ name, httpOnly, sameSite }))).toEqual([{ name: 'sid', httpOnly: true, sameSite: 'Lax' }]);

    await openView(page, 'Devices');
    await page.getByLabel('Identifier').fill('apple-12345');
    await page.getByLabel('Name', { exact: true }).fill('Apple Watch');
    await page.getByRole('button', { name: 'Enrol' }).click();
    await page.getByText('Apple Watch is enrolled.').waitFor();

    const app = await signedIn(vitalgate.urls.bff, user.username, user.password);
    await app.post('/health-data', [...heartRates(48), ...heartRates(1, Date.now() + 24 * hourMs)]);
    await charted(app, 'heart-rate');
    await openView(page, 'Charts');
    await heading(page, 'Heart rate');
    await drawn(page);
    expect(await page.getByRole('img').getAttribute('aria-label')).toMatch(/^Chart of Heart rate, .*Heart rate: 48 points from 60 to 83 bpm/);
    await page.getByText('Show the values as a table').click();
    const rows = page.getByRole('region', { name: 'Values of the chart' }).getByRole('row');
    await rows.nth(48).waitFor();
    expect(await rows.count()).toBe(49);

    await openView(page, 'Uploads');
    await page.getByText('1 value of 49 refused').waitFor();
    await page.getByText('check the clock of the phone').waitFor();
    await page.getByText('48 values in your charts').waitFor();

    await openView(page, 'Access');
    await page.getByText('Nobody else has looked at your data').waitFor();
    await lookAsStaff(user.id);
    await page.getByLabel('Show what I did, too').check();
    await page.getByText('You looked at a chart.').first().waitFor();
    await page.getByLabel('Show what I did, too').uncheck();
    await page.getByText('Staff looked at a chart.').waitFor();
    await page.getByText('You looked at a chart.').first().waitFor({ state: 'detached' });

    await openView(page, 'Export');
    await page.getByRole('button', { name: 'Make an archive' }).click();
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download the archive' }).click()]);
    expect([download.suggestedFilename(), readFileSync(await download.path()).subarray(0, 2).toString()]).toEqual([expect.stringMatching(/^vitalgate-export-.*\.zip$/), 'PK']);

    await openView(page, 'Devices');
    await page.getByRole('button', { name: 'Release Apple Watch' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Release' }).click();
    await page.getByText('Apple Watch is released.').waitFor();
    await page.getByText('No device is enrolled').waitFor();
    expect(await (await app.get('/devices')).json()).toEqual([]);

    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('link', { name: 'Forgot your password?' }).click();
    const email = `${user.username}@example.org`;
    await page.getByLabel('E-mail address').fill(email);
    await page.getByRole('button', { name: 'Send me a link' }).click();
    await page.getByText('a mail with a link is on its way').waitFor();
    const token = /#token=([\w-]+)/.exec((await mails.mailsTo(email))[0]?.email.text ?? '')?.[1] ?? '';
    await page.goto(`${vitalgate.urls.bff}/reset-password#token=${token}`);
    await page.getByLabel('New password').fill(newPassword);
    await page.getByLabel('The same password again').fill(newPassword);
    await page.getByRole('button', { name: 'Set this password' }).click();
    await page.getByRole('link', { name: 'Go to the sign-in' }).click();
    await signIn(page, { ...user, password: newPassword });
    await heading(page, 'Heart rate');
    expect(faults).toEqual([]);
    await close();
  }, 240_000);

  test('a session that ends leads to signing in, and back to where the person was', async () => {
    const { user } = await measured();
    const { page, faults, close } = await watchedPage(browser, `${vitalgate.urls.bff}/#charts/body-weight`);
    await signIn(page, user);
    await heading(page, 'Body weight');
    await drawn(page);
    await page.context().clearCookies();
    const refused = page.waitForResponse((response) => response.status() === 401);
    await page.getByRole('button', { name: 'Earlier' }).click();
    await refused;
    await page.getByText('You were signed out after a while').waitFor();
    await signIn(page, user);
    await heading(page, 'Body weight');
    expect(faults.filter((fault) => !/status of 401/.test(fault))).toEqual([]);
    await close();
  }, 120_000);

  test('a chart is told in another unit, time zone and length of time, and zoomed by mouse and buttons', async () => {
    const { user } = await measured();
    const { page, faults, close } = await watchedPage(browser, `${vitalgate.urls.bff}/#charts/body-weight`);
    await signIn(page, user);
    await heading(page, 'Body weight');
    await drawn(page);
    await page.getByText('70.2 kg').first().waitFor();
    await page.getByLabel('Unit').selectOption('lb');
    await page.getByText('154.8 lb').first().waitFor(); // 70.2 kg / 0.45359237
    await page.getByLabel('Time zone').selectOption('Pacific/Auckland');
    await drawn(page);
    const asked = () => page.waitForRequest((request) => request.url().includes('/chart-data?'));
    const [zoomed] = await Promise.all([asked(), page.getByRole('button', { name: 'Zoom in' }).click()]);
    expect(new URL(zoomed.url()).searchParams.get('timeZone')).toBe('Pacific/Auckland');
    expect(await page.getByRole('button', { name: 'Zoom in' }).and(page.locator(':focus')).count()).toBe(1);
    await page.getByRole('button', { name: 'All', exact: true }).click();
    await page.locator('[aria-pressed=true]', { hasText: 'All' }).waitFor();
    await page.getByRole('button', { name: 'Year', exact: true }).click();
    await page.locator('[aria-pressed=true]', { hasText: 'Year' }).waitFor();
    await drawn(page);
    const box = await page.locator('.u-over').boundingBox();
    if (box === null) throw new Error('there is no chart');
    await page.mouse.move(box.x + box.width * 0.5, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.75, box.y + 60, { steps: 4 });
    const [selected] = await Promise.all([asked(), page.mouse.up()]);
    const { searchParams } = new URL(selected.url());
    const days = (Date.parse(searchParams.get('to') ?? '') - Date.parse(searchParams.get('from') ?? '')) / (24 * hourMs);
    expect([Math.round(days / 10) * 10, faults]).toEqual([90, []]);
    await close();
  }, 120_000);

  test('can be used by keys alone', async () => {
    const { user } = await measured();
    const { page, faults, close } = await watchedPage(browser, vitalgate.urls.bff);
    await page.getByLabel('User name').waitFor();
    await page.keyboard.type(user.username);
    await page.keyboard.press('Tab');
    await page.keyboard.type(user.password);
    await page.keyboard.press('Enter');
    await heading(page, 'Heart rate');
    await drawn(page);
    const tabTo = async (name: string) => {
      for (let presses = 0; presses < 60; presses += 1) {
        await page.keyboard.press('Tab');
        if ((await page.evaluate('(document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent).trim()')) === name) return;
      }
      throw new Error(`no way by keys to ${name}`);
    };
    await tabTo('Go through the values');
    await page.keyboard.press('ArrowLeft');
    await page.getByText('Heart rate 82 bpm').waitFor(); // the last but one of 60 to 83
    expect(await page.getByRole('slider').getAttribute('aria-valuetext')).toMatch(/Heart rate 82 bpm$/);
    await page.keyboard.press('Home');
    await page.getByText('Heart rate 60 bpm').waitFor();
    await page.evaluate('document.activeElement.blur()');
    await tabTo('Devices');
    await page.keyboard.press('Enter');
    await heading(page, 'Devices');
    await tabTo('Release Apple Watch');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect([await page.getByText('Apple Watch', { exact: true }).count(), faults]).toEqual([1, []]);
    await close();
  }, 120_000);

  test('fingers move and stretch the time of a chart', async () => {
    const { user } = await measured();
    const { page, faults, close } = await watchedPage(browser, vitalgate.urls.bff, { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
    await signIn(page, user);
    await heading(page, 'Heart rate');
    await drawn(page);
    await page.locator('.u-over').scrollIntoViewIfNeeded();
    const box = await page.locator('.u-over').boundingBox();
    if (box === null) throw new Error('there is no chart');
    const client = await page.context().newCDPSession(page);
    const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', ...xs: readonly number[]) =>
      client.send('Input.dispatchTouchEvent', { type, touchPoints: xs.map((x, id) => ({ x: box.x + box.width * x, y: box.y + 100, id })) });
    const spanAfter = async (gesture: () => Promise<unknown>) => {
      const [request] = await Promise.all([page.waitForRequest((one) => one.url().includes('/chart-data?')), gesture()]);
      const { searchParams } = new URL(request.url());
      return { from: Date.parse(searchParams.get('from') ?? ''), to: Date.parse(searchParams.get('to') ?? '') };
    };
    const pinched = await spanAfter(async () => {
      await touch('touchStart', 0.4, 0.6);
      await touch('touchMove', 0.3, 0.7);
      await touch('touchMove', 0.2, 0.8);
      await touch('touchEnd');
    });
    await drawn(page);
    const dragged = await spanAfter(async () => {
      await touch('touchStart', 0.2);
      await touch('touchMove', 0.4);
      await touch('touchMove', 0.7);
      await touch('touchEnd');
    });
    expect(dragged.from).toBeLessThan(pinched.from);
    expect(Math.abs((dragged.to - dragged.from) - (pinched.to - pinched.from))).toBeLessThan(1000);
    expect(faults).toEqual([]);
    await close();
  }, 120_000);

  test.each([['light', 1280], ['dark', 360]] as const)('has no barriers that axe finds, %s, %s pixels wide, and nothing to scroll sideways', async (colorScheme, width) => {
    const { user } = await measured();
    await lookAsStaff(user.id);
    const { page, faults, close } = await watchedPage(browser, vitalgate.urls.bff, { colorScheme, viewport: { width, height: 740 } });
    await page.getByLabel('User name').waitFor();
    const found: Record<string, unknown> = {};
    const examine = async (name: string) => {
      found[name] = [await violationsOn(page), await overflowOf(page)];
    };
    await examine('sign-in');
    await signIn(page, user);
    await drawn(page);
    await page.getByText('Show the values as a table').click();
    await examine('charts');
    for (const [view, text] of [['Devices', 'Enrol a device'], ['Uploads', 'refused'], ['Access', 'Staff looked'], ['Export', 'Make an archive']] as const) {
      await openView(page, view);
      await page.getByText(text).first().waitFor();
      await examine(view);
    }
    await openView(page, 'Devices');
    await page.getByRole('button', { name: 'Release Apple Watch' }).click();
    await examine('dialog');
    await page.goto(`${vitalgate.urls.bff}/reset-password#token=x`);
    await page.getByLabel('New password').waitFor();
    await examine('new password');
    await page.goto(`${vitalgate.urls.bff}/reset-password`);
    await page.getByLabel('E-mail address').waitFor();
    await examine('forgotten password');
    expect(found).toEqual(Object.fromEntries(Object.keys(found).map((name) => [name, [[], 0]])));
    expect([Object.keys(found).length, faults]).toEqual([9, []]);
    await close();
  }, 240_000);

  test('colours follow the device until the person chooses, and the choice stays', async () => {
    const { page, close } = await watchedPage(browser, vitalgate.urls.bff, { colorScheme: 'dark' });
    const ground = () => page.evaluate('getComputedStyle(document.documentElement).backgroundColor');
    await page.getByLabel('User name').waitFor();
    const dark = await ground();
    await page.getByRole('button', { name: 'Colours: as the device has them' }).click();
    await page.getByRole('button', { name: 'Colours: light' }).waitFor();
    const light = await ground();
    expect(light).not.toBe(dark);
    await page.reload();
    await page.getByRole('button', { name: 'Colours: light' }).waitFor();
    expect(await ground()).toBe(light);
    await close();
  });
});
