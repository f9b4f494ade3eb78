import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** Samples of one type, as one request of the app carries them. */
export interface Chunk {
  readonly type: string;
  readonly unit: string;
  readonly samples: readonly unknown[];
}

interface Line {
  readonly type: string;
  readonly identifier: string;
  readonly unit: string;
  readonly sample: unknown;
}

const generated = join(import.meta.dirname, '..', '..', 'test', 'fixtures', 'healthkit', 'generated');
const fileName = 'rnh-30days.ndjson.gz';
const samplesPerRequest = 1000;

/** A synthetic month of one person with iPhone and Watch, in chunks of one type and at most 1,000 samples. */
export const readMonth = (): Chunk[] => {
  const lines = gunzipSync(readFileSync(join(generated, fileName))).toString('utf8').trim().split('\n').map((line) => JSON.parse(line) as Line);
  return Object.values(Object.groupBy(lines, (line) => line.identifier)).flatMap((group = []) => {
    const [first] = group;
    if (first === undefined) return [];
    // HealthKit's percent is a fraction; the file says so in words.
    const unit = first.unit === '% as fraction' ? '%' : first.unit;
    const requests = Math.ceil(group.length / samplesPerRequest);
    return Array.from({ length: requests }, (_, index) => ({
      type: first.identifier,
      unit,
      samples: group.slice(index * samplesPerRequest, (index + 1) * samplesPerRequest).map((line) => line.sample),
    }));
  });
};

/** How many samples the month has by the manifest of its maker. */
export const expectedSamples = (): number => {
  const manifest = JSON.parse(readFileSync(join(generated, 'MANIFEST.json'), 'utf8')) as Record<typeof fileName, { total: number }>;
  return manifest[fileName].total;
};
