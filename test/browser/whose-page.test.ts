import { describe, expect, test } from '@jest/globals';
import { signedIn } from '../bff/app.ts';
import { describeInBrowser } from '../setup/browser.ts';
import type { TestUser } from '../setup/vitalgate.ts';
import { openView, personWithWatch, programAndBrowser, signIn, watchedPage } from './watched-page.ts';

describeInBrowser('whose data the page for people shows', () => {
  const { vitalgate, browser } = programAndBrowser();

  const withWatch = async (): Promise<TestUser> => (await personWithWatch(vitalgate())).user;

  test.each([['at once', 0], ['once the page says that it waits', 400]])('what is answered after signing out %s is not shown', async (_situation, afterMs) => {
    const user = await withWatch();
    const { page, faults, close } = await watchedPage(browser(), vitalgate().urls.bff);
    await signIn(page, user);
    await page.getByText('Nothing was measured yet').waitFor();
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const asked = page.waitForRequest((request) => request.url().endsWith('/devices'));
    await page.route('**/devices', async (route) => {
      const answer = await route.fetch();
      await held;
      await route.fulfill({ response: answer });
    });
    await openView(page, 'Devices');
    await asked;
    await page.waitForTimeout(afterMs);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('User name').waitFor();
    const answered = page.waitForResponse((response) => response.url().endsWith('/devices'));
    release();
    await (await answered).finished();
    await page.waitForTimeout(500);
    expect([await page.getByText('Apple Watch').count(), await page.getByLabel('User name').count()]).toEqual([0, 1]);
    expect(faults).toEqual([]);
    await close();
  }, 120_000);

  describe('two pages of one browser', () => {
    /** A page of Anna, and another one where Ben signed in since; `unheard` keeps the first from hearing of it. */
    const annaThenBen = async (unheard: boolean) => {
      const [anna, ben] = [await withWatch(), await vitalgate().addUser()];
      const { page, faults, close } = await watchedPage(browser(), vitalgate().urls.bff);
      if (unheard) {
        await page.addInitScript('window.BroadcastChannel = class { postMessage() {} addEventListener() {} }');
        await page.reload();
      }
      await signIn(page, anna);
      await openView(page, 'Devices');
      await page.getByText('Apple Watch').first().waitFor();
      const second = await page.context().newPage();
      await second.goto(vitalgate().urls.bff);
      await second.getByRole('button', { name: 'Sign out' }).click();
      await signIn(second, ben);
      await second.getByText('Nothing was measured yet').waitFor();
      const named = (who: TestUser) => page.locator('.who .name').filter({ hasText: who.username }).waitFor();
      return { ben, page, named, end: async () => {
        expect(faults.filter((fault) => !/status of 401/.test(fault))).toEqual([]);
        await close();
      } };
    };

    test('the other one hears who signed in', async () => {
      const { ben, page, named, end } = await annaThenBen(false);
      await named(ben);
      await page.getByText('No device is enrolled').waitFor();
      await end();
    }, 120_000);

    test('one that heard of nothing shows nobody the data of another', async () => {
      const { ben, page, named, end } = await annaThenBen(true);
      await openView(page, 'Charts');
      await page.getByText('Nothing was measured yet').waitFor();
      await named(ben);
      await end();
    }, 120_000);

    test('one that heard of nothing changes nothing for another', async () => {
      const { ben, page, named, end } = await annaThenBen(true);
      await page.getByLabel('Identifier').fill('meant-for-anna');
      await page.getByRole('button', { name: 'Enrol' }).click();
      await named(ben);
      await page.getByText('No device is enrolled').waitFor();
      const app = await signedIn(vitalgate().urls.bff, ben.username, ben.password);
      expect(await (await app.get('/devices')).json()).toEqual([]);
      await end();
    }, 120_000);
  });
});
