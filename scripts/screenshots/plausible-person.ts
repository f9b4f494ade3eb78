import { createHash } from 'node:crypto';

/** One upload: samples of one type in one unit, as react-native-health hands them over. */
export interface Upload {
  readonly type: string;
  readonly unit: string;
  readonly samples: readonly object[];
}

const minuteMs = 60_000;
const dayMs = 1440 * minuteMs;
const watch = { sourceId: 'com.apple.health.142CD7CC-53D1-4C96-8151-D0A5FD7846FE', sourceName: 'Apple Watch' };
const phone = { sourceId: 'com.apple.health.8E0A51B2-1C7F-4B3D-9A46-5D2C7E9F1A30', sourceName: 'iPhone' };

/** The same numbers in every run, evenly spread from 0 to 1. */
const numbersFrom = (seed: number): (() => number) => {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
};
const next = numbersFrom(20_240_723);
/** Around 0, mostly between -1 and 1. */
const wobble = (): number => next() + next() + next() - 1.5;

const uuidOf = (name: string): string => {
  const hex = createHash('sha256').update(name).digest('hex').slice(0, 32);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`.toUpperCase();
};

const textOf = (ms: number): string => new Date(ms).toISOString();
const sample = (type: string, at: number, value: number | undefined, source = watch, lastsMs = 0) =>
  ({ id: uuidOf(`${type}${String(at)}${source.sourceName}`), value, startDate: textOf(at), endDate: textOf(at + lastsMs), ...source });

/** How awake and busy somebody is at an hour of the day, from 0 (asleep) to 1. */
const busyAt = (hour: number): number => (hour < 6.5 || hour > 23 ? 0 : 0.35 + 0.3 * Math.sin(((hour - 7) / 16) * Math.PI));
const isRun = (day: number, hour: number): boolean => day % 3 === 0 && hour >= 18 && hour < 18.75;
/** The watch lies on its charger in the evening, and one day it was forgotten. */
const isWorn = (day: number, hour: number): boolean => !(hour >= 21.5 && hour < 22.75) && day !== 9;

const heartRates = (start: number, day: number): object[] =>
  Array.from({ length: 144 }, (_, index) => index / 6).filter((hour) => isWorn(day, hour)).map((hour) => {
    const rest = 54 + 26 * busyAt(hour) + 5 * wobble();
    return sample('HeartRate', start + hour * 60 * minuteMs + Math.floor(next() * 5 * minuteMs), Math.round(isRun(day, hour) ? 142 + 12 * wobble() : rest + (next() < 0.06 ? 24 * next() : 0)));
  });

const steps = (start: number, day: number): object[] =>
  Array.from({ length: 17 }, (_, index) => index + 6).flatMap((hour) => {
    const count = Math.round((isRun(day, hour) ? 5200 : 820 * busyAt(hour)) * (0.5 + next()) * (day % 7 === 6 ? 0.5 : 1));
    const at = start + hour * 60 * minuteMs;
    return [sample('StepCount', at, count, watch, 50 * minuteMs), ...(next() < 0.6 ? [sample('StepCount', at, Math.round(count * 0.8), phone, 50 * minuteMs)] : [])];
  });

const pressureAt = (at: number, age: number) => {
  const systolic = Math.round(126 + 4 * Math.min(1, age / 60) + 6 * wobble());
  return { ...sample('BloodPressure', at, undefined, phone), bloodPressureSystolicValue: systolic, bloodPressureDiastolicValue: Math.round(systolic * 0.63 + 3 * wobble()) };
};

const at = (start: number, hour: number): number => start + Math.round((hour + 0.4 * next()) * 60) * minuteMs;

/** About three months of somebody's life, ending today; `age` counts the days back. */
export const uploadsOf = (now: number): readonly Upload[] => {
  const today = Math.floor(now / dayMs) * dayMs;
  const ages = Array.from({ length: 90 }, (_, index) => 89 - index);
  const each = (make: (start: number, age: number) => object[], within = 90): object[] => ages.filter((age) => age < within).flatMap((age) => make(today - age * dayMs, age));
  const past = (samples: readonly object[]): object[] => samples.filter((one) => Date.parse((one as { endDate: string }).endDate) < now);
  const all: Upload[] = [
    { type: 'HeartRate', unit: 'bpm', samples: each(heartRates, 45) },
    { type: 'StepCount', unit: 'count', samples: each(steps) },
    { type: 'BloodPressure', unit: 'mmHg', samples: each((start, age) => [7, 20].filter(() => next() > 0.15).map((hour) => pressureAt(at(start, hour), age))) },
    { type: 'BodyMass', unit: 'kg', samples: each((start, age) => (next() < 0.2 ? [] : [sample('BodyMass', at(start, 6.8), Number((71.2 + age * 0.028 + 0.35 * wobble()).toFixed(1)), phone)])) },
    { type: 'BloodGlucose', unit: 'mg/dL', samples: each((start) => [[7, 94], [13, 128], [19.5, 118]].filter(() => next() > 0.3).map(([hour = 0, usual = 0]) => sample('BloodGlucose', at(start, hour), Math.round(usual + 14 * wobble()), phone))) },
    { type: 'OxygenSaturation', unit: '%', samples: each((start, age) => (isWorn(age, 3) ? [2, 4, 14].map((hour) => sample('OxygenSaturation', at(start, hour), Number((0.968 + 0.012 * wobble()).toFixed(3)))) : [])) },
    { type: 'RespiratoryRate', unit: 'count/min', samples: each((start, age) => (isWorn(age, 3) ? [1, 3, 5].map((hour) => sample('RespiratoryRate', at(start, hour), Number((14.2 + 1.2 * wobble()).toFixed(1)))) : [])) },
  ];
  return all.map((upload) => ({ ...upload, samples: past(upload.samples) }));
};

/** What a phone with a fault sends: a date is missing, another is of next year. */
export const faultyUpload = (now: number): Upload => ({
  type: 'HeartRate', unit: 'bpm',
  samples: [sample('HeartRate', now - 4 * minuteMs, 68), sample('HeartRate', now + 365 * dayMs, 71), { id: uuidOf('no date'), value: 70, ...watch }],
});
