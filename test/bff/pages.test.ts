import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { request } from 'node:http';
import pino from 'pino';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { conversionsOf } from '../../src/bff/pages/unit-choice.ts';
import { gapOf, linesOf, millisecondsOf, withGaps } from '../../src/bff/pages/chart-lines.ts';
import { bucketEnd, coveredBy, moved, nameOfSpan, namedSpan, pointsForBars, wholeSpan, zoomed } from '../../src/bff/pages/chart-span.ts';
import { nextDay, startOfDay } from '../../src/bff/pages/time-words.ts';
import { createBff } from '../../src/bff/service.ts';
import { widthFor } from '../../src/device-manager/domain/chart-bucket.ts';
import type { Service } from '../../src/http/service.ts';
import { convert } from '../../src/measurement/quantity.ts';

interface Raw {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** What is answered, byte for byte: fetch would decode it. */
const raw = (url: string, headers: Record<string, string> = {}): Promise<Raw> =>
  new Promise((resolve, reject) => {
    request(url, { headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }));
    }).on('error', reject).end();
  });

describe('the files of the pages', () => {
  let bff: Service;
  let url: string;
  beforeAll(async () => {
    const nowhere = 'http://127.0.0.1:1';
    bff = createBff({ deviceManagerUrl: nowhere, userManagerUrl: nowhere, serviceToken: 'x'.repeat(32), userIdHeader: 'miauserid', secureCookies: false, log: pino({ level: 'silent' }), version: '0.0.0', validateResponses: true, warmUp: false });
    ({ url } = await bff.listen(0, '127.0.0.1'));
  });
  afterAll(() => bff.stop());

  const loadedBy = async (page: string): Promise<string[]> =>
    [...(await raw(`${url}${page}`)).body.toString().matchAll(/(?:src|href)="(\/[^"]*)"/g)].map(([, path = '']) => path);

  test('are less than 60 kB together, as they go over the wire', async () => {
    const paths = new Set(['/', '/reset-password', ...(await loadedBy('/')), ...(await loadedBy('/reset-password'))]);
    expect([...paths].map((path) => path.replace(/-[0-9a-f]{16}/, ''))).toEqual(['/', '/reset-password', '/pages/styles/pages.css', '/pages/scripts/patient.js', '/pages/scripts/reset-password.js']);
    for (const encoding of ['br', 'gzip']) {
      const sizes = await Promise.all([...paths].map(async (path) => (await raw(`${url}${path}`, { 'accept-encoding': encoding })).body.length));
      expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(60_000);
    }
  });

  test.each<[string, string | undefined, string | undefined]>([
    ['nothing', undefined, undefined], ['gzip', 'gzip, deflate', 'gzip'], ['br and gzip', 'gzip, deflate, br;q=0.9', 'br'], ['no br', 'br;q=0, gzip', 'gzip'], ['neither', 'br;q=0.0, gzip;q=0', undefined], ['another one', 'zstd, brr', undefined],
  ])('are sent encoded as the asker reads them: %s', async (_what, accepted, encoding) => {
    const plain = (await raw(url)).body;
    const { headers, body } = await raw(url, accepted === undefined ? {} : { 'accept-encoding': accepted });
    expect([headers['content-encoding'], headers['vary'], Number(headers['content-length'])]).toEqual([encoding, 'Origin, Accept-Encoding', body.length]);
    expect(encoding === 'br' ? brotliDecompressSync(body) : encoding === 'gzip' ? gunzipSync(body) : body).toEqual(plain);
  });

  test('change their name with their content and are kept for ever, while the page is asked for again', async () => {
    const page = await raw(url);
    expect([page.headers['cache-control'], page.headers['etag']]).toEqual(['no-cache', expect.stringMatching(/^"[0-9a-f]{16}"$/)]);
    const again = await raw(url, { 'if-none-match': `W/${String(page.headers['etag'])}` });
    expect([again.status, again.body.length]).toEqual([304, 0]);
    expect([(await raw(url, { 'if-none-match': '*' })).status, (await raw(url, { 'if-none-match': '"another"' })).status]).toEqual([304, 200]);
    for (const path of await loadedBy('/')) {
      const { status, headers } = await raw(`${url}${path}`);
      expect([status, headers['cache-control']]).toEqual([200, 'public, max-age=31536000, immutable']);
      const other = await raw(`${url}${path.replace(/-[0-9a-f]{16}/, '-0000000000000000')}`);
      expect([other.status, other.headers['content-type'], other.headers['cache-control']]).toEqual([404, 'application/problem+json; charset=utf-8', 'no-store']);
    }
  });

  test('may run our scripts and nothing else, and come with the licences of what they contain', async () => {
    const { headers, body } = await raw(url);
    expect(headers['content-security-policy']).toBe("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'");
    expect(body.toString()).not.toMatch(/\son\w+=|<style|style=|<script[^>]*>[^<]/);
    expect((await raw(`${url}/pages/licences`)).body.toString()).toMatch(/uplot[\s\S]*MIT[\s\S]*openapi-fetch[\s\S]*MIT/);
    for (const path of await loadedBy('/')) expect((await raw(`${url}${path}`)).body.toString().match(/https?:\/\/(?!www\.w3\.org\/2000\/svg)[\w.]+/g) ?? []).toEqual([]);
  });
});

describe('other units', () => {
  test.each<[string, string, string, string]>([
    ['kg', 'kg', 'lb', '[lb_av]'], ['°C', 'Cel', '°F', '[degF]'], ['cm', 'cm', 'in', '[in_i]'], ['m', 'm', 'km', 'km'], ['m', 'm', 'mi', '[mi_i]'],
    ['mmHg', 'mm[Hg]', 'kPa', 'kPa'], ['kcal', 'kcal', 'kJ', 'kJ'], ['m/s', 'm/s', 'km/h', 'km/h'],
  ])('%s (%s) is told in %s (%s) as UCUM has it', (unit, ucum, other, otherUcum) => {
    const { factor, offset } = conversionsOf('anything', unit).find((one) => one.unit === other) ?? { factor: Number.NaN, offset: 0 };
    for (const value of [0.5, 37, 120, 4321]) expect(value * factor + offset).toBeCloseTo(convert(value, ucum, otherUcum), 6);
  });

  test('a concentration by mass is one by amount for glucose alone: 100 mg/dL are 5.55 mmol/L', () => {
    const [, molar] = conversionsOf('Glucose [Mass/volume] in Blood', 'mg/dL');
    expect([molar?.unit, 100 * (molar?.factor ?? 0)]).toEqual(['mmol/L', expect.closeTo(5.551, 3)]);
    const [, byMass] = conversionsOf('Glucose [Moles/volume] in Blood', 'mmol/L');
    expect((byMass?.factor ?? 0) * (molar?.factor ?? 0)).toBeCloseTo(1, 12);
    expect(conversionsOf('Cholesterol [Mass/volume] in Serum or Plasma', 'mg/dL').map(({ unit }) => unit)).toEqual(['mg/dL']);
  });
});

describe('lines of a chart', () => {
  const minute = 60_000;
  const points = (...minutes: readonly number[]) => minutes.map((at) => ({ x: at * minute, y: at }));

  test('are told in the chosen unit, mean, least and most alike', () => {
    const [line] = linesOf([{ name: 'Body temperature [°C]', interval: 'PT1H', data: [{ x: 0, y: 37, min: 36, max: 38, count: 3 }] }], { '°C': '°F' });
    expect(line).toMatchObject({ name: 'Body temperature', unit: '°F', bucketMs: 60 * minute, isSum: false });
    expect([line?.points[0]?.min, line?.points[0]?.y, line?.points[0]?.max].map((value) => value?.toFixed(1))).toEqual(['96.8', '98.6', '100.4']);
  });

  test.each<[string, string | undefined, readonly number[], number]>([
    ['every minute, an hour without', undefined, [0, 1, 2, 3, 63, 64], 1], ['every minute, ten minutes without', undefined, [0, 1, 2, 12, 13], 0], ['buckets of an hour, one of them missing', 'PT1H', [0, 60, 180, 240], 1],
    ['buckets of an hour, none missing', 'PT1H', [0, 60, 120], 0], ['a single value', undefined, [5], 0], ['once a day, four days without', undefined, [0, 1440, 2880, 10_080], 1],
  ])('break where nothing was measured: %s', (_situation, interval, minutes, breaks) => {
    const [line] = linesOf([{ name: 'Heart rate [bpm]', ...(interval !== undefined && { interval }), data: points(...minutes) }], {});
    expect(line && withGaps(line).filter(({ y }) => y === null)).toHaveLength(breaks);
    expect(line && gapOf(line)).toBeGreaterThan(0);
  });

  test.each([['PT1S', 1000], ['PT15M', 15 * minute], ['PT12H', 720 * minute], ['P7D', 7 * 1440 * minute], [undefined, undefined], ['P1Y', undefined]])('the length of %s is %s ms', (text, ms) => {
    expect(millisecondsOf(text)).toBe(ms);
  });
});

describe('spans of time', () => {
  const whole = wholeSpan('2024-01-01', Date.parse('2024-07-23T13:44:06Z'), 'UTC');
  const month = namedSpan('Month', whole, whole, 'UTC');
  const text = (ms: number) => new Date(ms).toISOString().slice(0, 16);

  test('end where the present one does, and move by their own length', () => {
    expect([month.to, month.to - month.from]).toEqual([Date.parse('2024-07-24T00:00:00Z'), 30 * 86_400_000]);
    expect([nameOfSpan(month, whole), nameOfSpan(whole, whole), nameOfSpan(zoomed(month, 0.5), whole)]).toEqual(['Month', 'All', undefined]);
    expect(moved(moved(month, -1, 'UTC'), 1, 'UTC')).toEqual(month);
  });

  test.each([
    ['UTC', '2024-07-23T13:44:06Z', '2024-07-23T00:00', '2024-07-24T00:00'], ['New York', '2024-07-24T01:00:00Z', '2024-07-23T04:00', '2024-07-24T04:00', 'America/New_York'],
    ['Kathmandu, a quarter off', '2024-07-23T18:20:00Z', '2024-07-23T18:15', '2024-07-24T18:15', 'Asia/Kathmandu'], ['Rome, when the clock goes on', '2024-03-31T10:00:00Z', '2024-03-30T23:00', '2024-03-31T22:00', 'Europe/Rome'],
    ['Rome, when it goes back', '2024-10-27T22:59:00Z', '2024-10-26T22:00', '2024-10-27T23:00', 'Europe/Rome'], ['Beirut, where midnight is left out', '2024-03-31T10:00:00Z', '2024-03-30T22:00', '2024-03-31T21:00', 'Asia/Beirut'],
    ['the Azores, where midnight comes twice', '2024-10-27T12:00:00Z', '2024-10-27T00:00', '2024-10-28T01:00', 'Atlantic/Azores'], ['Auckland', '2024-07-23T13:00:00Z', '2024-07-23T12:00', '2024-07-24T12:00', 'Pacific/Auckland'],
    ['before 1970', '1969-07-20T20:17:00.250Z', '1969-07-20T00:00', '1969-07-21T00:00'],
  ])('begin and end with days: in %s', (_where, instant, start, end, timeZone = 'UTC') => {
    const ms = Date.parse(instant);
    expect([text(startOfDay(ms, timeZone)), text(nextDay(ms, timeZone))]).toEqual([start, end]);
    expect(startOfDay(startOfDay(ms, timeZone), timeZone)).toBe(startOfDay(ms, timeZone));
  });

  test('of a name and beside it have whole days when the clock changes', () => {
    const week = namedSpan('Week', { from: 0, to: Date.parse('2024-04-02T22:00:00Z') }, whole, 'Europe/Rome');
    expect([text(week.from), nameOfSpan(week, whole)]).toEqual(['2024-03-26T23:00', 'Week']);
    const before = moved(namedSpan('Day', week, whole, 'Europe/Rome'), -2, 'Europe/Rome');
    expect([text(before.from), text(before.to)]).toEqual(['2024-03-30T23:00', '2024-03-31T22:00']);
  });

  test.each([
    ['within its bars', 3_600_000, '2024-07-22T07:00', '2024-07-22T20:00', '2024-07-22T07:00', '2024-07-22T21:00'], ['no more than them', 3_600_000, '2024-07-22T07:30', '2024-07-22T20:00', '2024-07-22T07:15', '2024-07-22T21:00'],
    ['days around the change of the clock', 86_400_000, '2024-03-30T23:00', '2024-03-30T23:00', '2024-03-30T23:00', '2024-03-31T22:00'],
  ])('are made longer to whole bars: %s', (_situation, bucketMs, first, last, from, to) => {
    const span = { from: Date.parse('2024-07-22T07:15Z'), to: Date.parse('2024-07-22T20:30Z') };
    const around = bucketMs === 3_600_000 ? span : { from: Date.parse('2024-03-31T02:00Z'), to: Date.parse('2024-03-31T09:00Z') };
    const covered = coveredBy(around, bucketMs, Date.parse(`${first}Z`), Date.parse(`${last}Z`), 'Europe/Rome');
    expect([text(covered.from), text(covered.to)]).toEqual([from, to]);
  });

  test.each([
    ['an hour while the clock goes back', 1, '2026-10-25T00:00', '2026-10-25T01:00'], ['three hours in which it goes back', 3, '2026-10-24T22:00', '2026-10-25T02:00'],
    ['half a day in which it goes back', 12, '2026-10-24T22:00', '2026-10-25T11:00'], ['half a day in which it goes on', 12, '2026-03-28T23:00', '2026-03-29T10:00'],
    ['half a day before midnight', 12, '2026-10-25T11:00', '2026-10-25T23:00'], ['a day in which it goes back', 24, '2026-10-24T22:00', '2026-10-25T23:00'],
    ['a day in which it goes on', 24, '2026-03-28T23:00', '2026-03-29T22:00'], ['a week in which it goes back', 7 * 24, '2026-10-21T22:00', '2026-10-28T23:00'],
  ])('of a bar end by the clock: %s', (_situation, hours, start, end) => {
    expect(text(bucketEnd(Date.parse(`${start}Z`), hours * 3_600_000, 'Europe/Berlin'))).toBe(end);
  });

  test.each([16, 17, 20, 33, 48])('that are made longer to whole bars keep the length of the bars, of a chart with %i', (points) => {
    const start = Date.parse('2026-03-05T00:00Z');
    for (let days = 1; days <= 800; days += 1) {
      const barMs = widthFor(days * 86_400_000, points);
      const [first, last] = [Math.floor(start / barMs) * barMs, Math.floor((start + days * 86_400_000 - 1) / barMs) * barMs];
      const covered = coveredBy({ from: start, to: start + days * 86_400_000 }, barMs, first, last, 'UTC');
      expect([days, widthFor(covered.to - covered.from, pointsForBars(covered, barMs))]).toEqual([days, barMs]);
    }
  });

  test('keep their centre when they are zoomed, and are never shorter than five minutes', () => {
    const { from, to } = zoomed(month, 0.5);
    expect([(from + to) / 2, to - from]).toEqual([(month.from + month.to) / 2, 15 * 86_400_000]);
    const small = zoomed(month, 1e-9);
    expect(small.to - small.from).toBe(300_000);
  });
});
