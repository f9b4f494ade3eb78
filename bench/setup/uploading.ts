import { gzipSync } from 'node:zlib';
import type { HeartRate } from './heart-rates.ts';
import type { BenchedProgram } from './person.ts';

/** How many samples one upload holds: `BENCH_SAMPLES_PER_UPLOAD`, or 1,000. */
export const SAMPLES_PER_UPLOAD = Number(process.env['BENCH_SAMPLES_PER_UPLOAD'] ?? 1000);

/** Samples as a phone sends them. */
export const bodyOf = (samples: readonly HeartRate[]): Buffer => gzipSync(JSON.stringify(samples), { level: 6 });

/** Uploads one body for the holder of a cookie; throws when it was not kept as expected. */
export const uploadTo = async ({ bff }: Pick<BenchedProgram, 'bff'>, cookie: string, body: Buffer, expected: 'created' | 'duplicates' = 'created'): Promise<void> => {
  const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip', cookie };
  const answer = await fetch(`${bff}/health-data?type=HeartRate&unit=bpm`, { method: 'POST', headers, body: new Uint8Array(body) });
  const text = await answer.text();
  if (!answer.ok || (JSON.parse(text) as Record<string, number>)[expected] !== SAMPLES_PER_UPLOAD) throw new Error(`an upload answered ${String(answer.status)} ${text.slice(0, 500)}`);
};
