import { expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { eventually } from '../device-manager/client.ts';
import { describeInBrowser } from '../setup/browser.ts';
import type { TestUser } from '../setup/vitalgate.ts';
import { personWithWatch, programAndBrowser, signIn, watchedPage } from './watched-page.ts';

const hourMs = 3_600_000;
const noon = Date.UTC(2024, 6, 23, 12);

/** A sample of an hour or an instant, before noon by some hours. */
const sampleOf = (type: string, unit: string, value: number, hoursBefore: number, more: object = {}) => {
  const start = noon - hoursBefore * hourMs;
  return { id: randomUUID(), type, unit, value, startDate: new Date(start).toISOString(), endDate: new Date(type === 'StepCount' ? start + hourMs : start).toISOString(), ...more };
};

describeInBrowser('a chart on the page for people', () => {
  const { vitalgate, browser } = programAndBrowser();

  /** Each upload is normalized before the next one comes. */
  const personWith = async (...uploads: readonly (readonly object[])[]): Promise<TestUser> => {
    const { user, app } = await personWithWatch(vitalgate());
    const waiting = async () => ((await (await app.get('/health-data?state=received&_l=1')).json()) as readonly object[]).length;
    for (const samples of uploads) {
      await app.post('/health-data', samples);
      expect(await eventually(waiting, (count) => count === 0)).toBe(0);
    }
    return user;
  };

  test('tells as latest what counts: not the later value that a newer version took back', async () => {
    const version = (number: number) => ({ metadata: { HKMetadataKeySyncIdentifier: 'scales-1', HKMetadataKeySyncVersion: number } });
    const user = await personWith([sampleOf('BodyMass', 'kg', 180, 1, version(1))], [sampleOf('BodyMass', 'kg', 80, 2, version(2))]);
    const { page, faults, close } = await watchedPage(browser(), `${vitalgate().urls.bff}/#charts/body-weight`);
    await signIn(page, user);
    const latest = page.locator('.figure', { hasText: 'Latest' });
    await latest.waitFor();
    expect([await latest.locator('.value').textContent(), faults]).toEqual(['80', []]);
    await close();
  }, 120_000);

  test.each(['America/New_York', 'Europe/Berlin', 'Pacific/Auckland', 'UTC'])('has bars of whole days, and days that begin at midnight, in %s', async (timezoneId) => {
    const user = await personWith(Array.from({ length: 24 * 40 }, (_, hoursBefore) => sampleOf('StepCount', 'count', 100, hoursBefore + 1)));
    const { page, faults, close } = await watchedPage(browser(), `${vitalgate().urls.bff}/#charts/step-count`, { timezoneId });
    await signIn(page, user);
    await page.locator('[aria-pressed=true]', { hasText: 'Month' }).waitFor();
    await page.getByText('Show the values as a table').click();
    const cells = page.getByRole('region', { name: 'Values of the chart' }).locator('tbody tr td:nth-child(2)');
    await cells.first().waitFor();
    const sums = await cells.allTextContents();
    // The last day goes on.
    expect([sums.length, new Set(sums.slice(1)), faults]).toEqual([30, new Set(['2,400']), []]);
    const [asked] = await Promise.all([page.waitForRequest((request) => request.url().includes('/chart-data?')), page.getByRole('button', { name: 'Day', exact: true }).click()]);
    const { searchParams } = new URL(asked.url());
    const clock = (name: string) => new Date(searchParams.get(name) ?? '').toLocaleTimeString('en-GB', { timeZone: timezoneId });
    expect([clock('from'), clock('to')]).toEqual(['00:00:00', '00:00:00']);
    await close();
  }, 120_000);

  test('of steps shows each day of the source with most, of one alone on wish, and each day again', async () => {
    const told: readonly [source: string, hoursBefore: number, steps: number][] = [['phone', 50, 200], ['phone', 49, 100], ['phone', 26, 100], ['watch', 25, 250], ['watch', 2, 260]];
    const user = await personWith(told.map(([sourceId, hoursBefore, steps]) => sampleOf('StepCount', 'count', steps, hoursBefore, { sourceId })));
    const { page, faults, close } = await watchedPage(browser(), `${vitalgate().urls.bff}/#charts/step-count`, { timezoneId: 'UTC' });
    await signIn(page, user);
    const sources = page.getByLabel('Source');
    await sources.waitFor();
    expect(await sources.locator('option').allTextContents()).toEqual(['Each day the one with most', 'All together', 'phone', 'Apple Watch']);
    const byDay = ['260', '250', '100', '200'];
    const shown: [wanted: string, steps: string[]][] = [['phone', ['100', '100', '200']], ['', byDay], ['all', ['260', '250', '100', '100', '200']], ['watch', ['260', '250']], ['', byDay]];
    // Once it is open, the table stays so, whatever is chosen.
    await page.getByText('Show the values as a table').click();
    const cells = page.getByRole('region', { name: 'Values of the chart' }).locator('tbody td');
    for (const [wanted, steps] of shown) {
      await Promise.all([page.waitForResponse((response) => response.url().includes('/chart-data?')), sources.selectOption(wanted)]);
      await page.locator('.chart-body:not([aria-busy])').waitFor();
      await cells.first().waitFor();
      expect([await sources.inputValue(), await cells.allTextContents()]).toEqual([wanted, steps]);
    }
    expect(faults).toEqual([]);
    await close();
  }, 120_000);
});
