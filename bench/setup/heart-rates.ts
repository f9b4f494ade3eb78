import { randomUUID } from 'node:crypto';

/** A heart rate as react-native-health sends it. */
export interface HeartRate {
  readonly id: string;
  readonly value: number;
  readonly startDate: string;
  readonly endDate: string;
  readonly sourceId: string;
  readonly sourceName: string;
  readonly metadata: { readonly HKMetadataKeyHeartRateMotionContext: number };
}

const DAY_MS = 86_400_000;
const OFFSET_MS = 2 * 3_600_000;

/** As phones write it: wall clock of a place two hours east of UTC, in summer and in winter. */
const written = (epochMs: number): string => `${new Date(epochMs + OFFSET_MS).toISOString().slice(0, -1)}+0200`;

/** New heart rates, one after the other from 1 January 2015 on, `perDay` a day (a Watch measures about 400), each with a UUID of its own. */
export const createHeartRates = (perDay = 394): ((samples: number) => HeartRate[]) => {
  let measured = 0;
  return (samples) =>
    Array.from({ length: samples }, (_, index) => {
      measured += 1;
      const at = written(Date.UTC(2015, 0, 1) + Math.round((measured * DAY_MS) / perDay));
      return {
        id: randomUUID().toUpperCase(), value: Math.round((50 + (index % 80) + Math.random()) * 10_000) / 10_000, startDate: at, endDate: at,
        sourceId: 'com.apple.health.142CD7CC-53D1-4C96-8151-D0A5FD7846FE', sourceName: 'Anna’s Apple Watch', metadata: { HKMetadataKeyHeartRateMotionContext: 1 },
      };
    });
};
