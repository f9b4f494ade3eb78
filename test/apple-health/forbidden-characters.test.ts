import { describe, expect, test } from '@jest/globals';
import { readExport } from '../../src/apple-health/export-reader.ts';
import { pointsOfRoute } from '../../src/apple-health/route.ts';

// eslint-disable-next-line @typescript-eslint/require-await -- chunks come from a stream
async function* chunksOf(bytes: Buffer, ...cuts: number[]): AsyncGenerator<Buffer> {
  for (const [index, from] of [0, ...cuts].entries()) yield bytes.subarray(from, cuts[index]);
}
const namesIn = async (chunks: AsyncIterable<Buffer>): Promise<(string | undefined)[]> => {
  const names: (string | undefined)[] = [];
  for await (const elements of readExport(chunks)) names.push(...elements.map(({ attributes }) => attributes['sourceName']));
  return names;
};
const exportOf = (name: string): Buffer => Buffer.from(`<HealthData><Record sourceName="Anna${name}’s &#x201c;Watch&#8221;"/><Record sourceName="Phone"/></HealthData>`);

describe('an export with characters that XML forbids', () => {
  test.each<[string, string]>([
    ['a vertical tab', '\u000b'],
    ['a reference to one in hexadecimal digits', '&#x0b;'],
    ['a reference to one in decimal digits', '&#11;'],
    ['a reference with many zeros', '&#x000000B;'],
    ['a reference to NUL', '&#0;'],
    ['several, one after the other', '\u0001\u001f&#x1;&#31;\u0008&#xb;'],
    ['a number that no character has', '&#xffff;\uffff&#xd800;'],
  ])('is read whole without it, wherever a chunk ends: %s', async (_situation, name) => {
    const bytes = exportOf(name);
    for (let cut = 1; cut < bytes.length; cut += 1) expect(await namesIn(chunksOf(bytes, cut))).toEqual(['Anna’s “Watch”', 'Phone']);
    expect(await namesIn(chunksOf(bytes, ...Array.from({ length: bytes.length - 1 }, (_, index) => index + 1)))).toEqual(['Anna’s “Watch”', 'Phone']);
  });

  test.each<[string, string]>([
    ['a hole in a copy', '\0'],
    ['a reference to nothing', '&#;'],
    ['a reference to no number', '&#xzz;'],
    ['a reference that never ends', `&#${'1'.repeat(100)}`],
    ['an entity of its own', '&nbsp;'],
  ])('is refused all the same for %s', async (_situation, name) => {
    for (const cut of [1, 30, 33, 40]) await expect(namesIn(chunksOf(exportOf(name), cut))).rejects.toThrow('broken near line 1');
  });

  test.each<[string, string]>([['in the middle of a reference', '<HealthData/>&#1'], ['with an ampersand', '<HealthData/>&']])('is refused when it ends %s', async (_situation, text) => {
    await expect(namesIn(chunksOf(Buffer.from(text)))).rejects.toThrow('broken near line 1');
  });

  test('keeps tabs and ends of lines', async () => {
    expect(await namesIn(chunksOf(exportOf('&#9;&#xA;&#13;')))).toEqual(['Anna\t\n\r’s “Watch”', 'Phone']);
  });
});

test('a route with such characters is read', () => {
  const gpx = '<gpx><name>\u000bRun&#x0b;</name><trkpt lat="41.9" lon="12.5"><ele>2\u000b0</ele></trkpt><trkpt lat="41.8" lon="12.6"/></gpx>';
  expect(pointsOfRoute(Buffer.from(gpx))).toEqual([[41.9, 12.5, 20, null], [41.8, 12.6, null, null]]);
});
