/**
 * Takes a picture of each page for people, in both themes, from a program of its own with the measurements of a made-up person, into
 * docs/screenshots. Needs a Chromium (CHROMIUM names it). Usage: npm run screenshots
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { chromium, type Page } from 'playwright-core';
import { signIn, type Phone } from './demo/phone.ts';
import { startProgram, temporaryDirectory, type Program } from './demo/program.ts';
import { faultyUpload, uploadsOf } from './screenshots/plausible-person.ts';

const root = join(import.meta.dirname, '..');
const out = process.argv[2] ?? join(root, 'docs', 'screenshots');
const batch = 1000;

interface Person {
  readonly username: string;
  readonly password: string;
}

const addAnna = ({ dataDirectory }: Program): Person => {
  const command = ['src/cli/vitalgate.ts', 'users', 'add', '--username', 'anna', '--email', 'anna.rossi@example.org', '--name', 'Anna Rossi', '--json'];
  const said = execFileSync(process.execPath, command, { cwd: root, env: { PATH: process.env['PATH'], DATA_DIR: dataDirectory }, encoding: 'utf8' });
  return { username: 'anna', password: (JSON.parse(said) as { password: string }).password };
};

const measure = async (phone: Phone): Promise<void> => {
  await phone.assign({ deviceId: 'apple-12345', deviceType: 'Wearable', deviceProvider: 'apple-healthkit', name: 'Apple Watch' });
  await phone.assign({ deviceId: 'BodyTrace:BT105:TEST-0002', deviceType: 'Medical', deviceProvider: 'medisante', name: 'Blood pressure cuff', serialNumber: 'TEST-0002' });
  for (const { type, unit, samples } of uploadsOf(Date.now())) {
    for (let from = 0; from < samples.length; from += batch) await phone.upload(type, unit, samples.slice(from, from + batch));
  }
  const { type, unit, samples } = faultyUpload(Date.now());
  await phone.upload(type, unit, samples);
};

/** A look of somebody else, for the list of who saw the data. */
const lookAsStaff = async ({ demo }: Program, patientId: string): Promise<void> => {
  const { operatorUsername: username, operatorPassword: password } = demo as unknown as { operatorUsername: string; operatorPassword: string };
  const answer = await fetch(`${demo.userManager}/oauth/token`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ username, password }) });
  const { accessToken } = (await answer.json()) as { accessToken: string };
  for (const path of [`/chart-data?normalizedDataType=blood-pressure&_id=${patientId}`, `/health-data?patientId=${patientId}`]) {
    const { status } = await fetch(`${demo.deviceManager}${path}`, { headers: { authorization: `Bearer ${accessToken}` } });
    if (status !== 200) throw new Error(`staff was answered ${String(status)} for ${path}`);
  }
};

const chartIsDrawn = (page: Page) => page.locator('.chart-body:not([aria-busy]) .u-over').first().waitFor();

const normalized = async (phone: Phone): Promise<void> => {
  let [have, before] = [0, -1];
  while (have === 0 || have !== before) {
    await sleep(1500);
    before = have;
    have = (await Promise.all(['heart-rate', 'step-count', 'respiratory-rate'].map((type) => phone.chart(type)))).flat().reduce((sum, { data }) => sum + data.length, 0);
  }
};

const shoot = async (page: Page, name: string): Promise<void> => {
  await page.evaluate('document.activeElement?.blur()');
  await page.screenshot({ path: join(out, `${name}.png`) });
  console.log(`  ${name}.png`);
};

const signInAs = async (page: Page, { username, password }: Person): Promise<void> => {
  await page.getByLabel('User name').fill(username);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await chartIsDrawn(page);
};

type Named = (page: string) => string;

const openSignIn = async (page: Page, url: string): Promise<void> => {
  page.setDefaultTimeout(300_000); // a busy machine is no fault of the page
  await page.goto(url);
  await page.getByLabel('User name').waitFor();
};

/** The charts as they are after signing in, with the values of one time told. */
const shootCharts = async (page: Page, person: Person, name: Named): Promise<void> => {
  await signInAs(page, person);
  await page.mouse.move(760, 470);
  await shoot(page, name('charts'));
};

const makeArchive = async (page: Page): Promise<void> => {
  await page.getByRole('button', { name: /^Make/ }).click();
  await page.getByText('Your archive is ready.').waitFor();
};

const shootOthers = async (page: Page, url: string, name: Named): Promise<void> => {
  for (const [type, title] of [['blood-pressure', 'Blood pressure'], ['step-count', 'Step count']] as const) {
    await page.goto(`${url}/#charts/${type}`);
    await page.getByRole('heading', { level: 1, name: title }).waitFor();
    await chartIsDrawn(page);
    await shoot(page, name(type));
  }
  for (const [view, heading] of [['devices', 'Devices'], ['uploads', 'Uploads'], ['access', 'Who saw my data'], ['export', 'Export']] as const) {
    await page.goto(`${url}/#${view}`);
    await page.getByRole('heading', { level: 1, name: heading }).waitFor();
    if (view === 'export') await makeArchive(page);
    await shoot(page, name(view));
  }
  await page.goto(`${url}/reset-password#token=shown`);
  await page.getByLabel('New password').waitFor();
  await shoot(page, name('reset-password'));
};

const directory = temporaryDirectory();
const program = await startProgram(directory.path);
const browser = await chromium.launch({ executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
try {
  mkdirSync(out, { recursive: true });
  const anna = addAnna(program);
  const phone = await signIn(program.demo.bff, anna.username, anna.password);
  await measure(phone);
  await normalized(phone);
  await lookAsStaff(program, (await phone.profile()).sub);
  const common = { locale: 'en-GB', timezoneId: 'Europe/Rome' };
  const { bff } = program.demo;
  for (const colorScheme of ['light', 'dark'] as const) {
    const wide = await browser.newPage({ ...common, colorScheme, viewport: { width: 1280, height: 900 } });
    await openSignIn(wide, bff);
    await shoot(wide, `sign-in-${colorScheme}`);
    await shootCharts(wide, anna, (page) => `${page}-${colorScheme}`);
    await shootOthers(wide, bff, (page) => `${page}-${colorScheme}`);
    const narrow = await browser.newPage({ ...common, colorScheme, viewport: { width: 360, height: 900 }, hasTouch: true });
    await openSignIn(narrow, bff);
    await shootCharts(narrow, anna, (page) => `phone-${page}-${colorScheme}`);
  }
} finally {
  await browser.close();
  await program.stop();
  directory.remove();
}
