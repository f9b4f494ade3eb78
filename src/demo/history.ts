import type { PhoneSample, StoredSample } from '../simulator/health-store.ts';
import { readIn } from '../simulator/health-store.ts';
import { createRandom, type Random } from '../simulator/random.ts';
import { written, type SimulatedReading } from '../simulator/writing.ts';

const dayMs = 86_400_000;
const hourMs = 3_600_000;
const minuteMs = 60_000;

/** How long Anna has had her devices, in days. */
const DAYS = 42;

/** Where Anna lives. */
const timeZone = 'Europe/Rome';

/** Always the same, so that two people who look at a demo see the same curves. */
const SEED = 1945;

export const cuff = { deviceId: 'BodyTrace:BT105:TEST-0002', serialNumber: 'TEST-0002' } as const;

/** What a watch and a cuff measured: samples as the app reads them, deliveries as the cuff's portal posts them. */
export interface History {
  readonly samples: readonly PhoneSample[];
  readonly deliveries: readonly { readonly contentType: string; readonly text: string }[];
}

/** From 0 at five in the morning to 1 at five in the afternoon, UTC. */
const wakefulness = (atMs: number): number => 0.5 - Math.cos(((atMs / hourMs - 5) / 24) * 2 * Math.PI) / 2;

const isAwake = (atMs: number): boolean => wakefulness(atMs) > 0.2;

const every = (fromMs: number, untilMs: number, stepMs: number): number[] => Array.from({ length: Math.ceil((untilMs - fromMs) / stepMs) }, (_, index) => fromMs + index * stepMs);

const sampleOf = (random: Random, type: string, value: number, atMs: number, lastsMs = 0): StoredSample => {
  const id = random.uuid();
  return { id, type, value, atMs, untilMs: atMs + lastsMs, timeZone, version: 1, syncIdentifier: id };
};

/** One day of a watch and a scale, from its midnight in UTC on; `day` counts from 0. */
const samplesOfDay = (random: Random, startMs: number, day: number): StoredSample[] => {
  const pulses = every(startMs, startMs + dayMs, 15 * minuteMs).map((atMs) => sampleOf(random, 'HeartRate', 54 + Math.round(22 * wakefulness(atMs)) + random.whole(-4, isAwake(atMs) ? 14 : 3), atMs + random.whole(0, 9) * minuteMs));
  const walks = every(startMs, startMs + dayMs, hourMs).filter(isAwake).map((atMs) => sampleOf(random, 'StepCount', random.whole(40, 1100), atMs, 10 * minuteMs));
  const saturations = every(startMs, startMs + dayMs, 4 * hourMs).map((atMs) => sampleOf(random, 'OxygenSaturation', random.whole(950, 995) / 1000, atMs + random.whole(0, 50) * minuteMs));
  const weight = sampleOf(random, 'BodyMass', (7140 - 2 * day + random.whole(-30, 30)) / 100, startMs + 5 * hourMs + random.whole(0, 30) * minuteMs);
  return [...pulses, ...walks, ...saturations, weight];
};

const pascal = (mmHg: number) => ({ value: Math.round(mmHg * 133.322387415), unit: 'Pa', isInRange: true });

/** A blood pressure as the cuff reports it: in pascal, a little lower each week, for the therapy does its work. */
const readingAt = (random: Random, atMs: number, day: number): SimulatedReading => {
  const systolic = 142 - Math.round(day / 3) + random.whole(-6, 6);
  return {
    correlationId: random.uuid(), measurementType: 'BloodPressure', ...cuff, measuredAt: new Date(atMs).toISOString(),
    metrics: { systolicBloodPressure: pascal(systolic), diastolicBloodPressure: pascal(Math.round(systolic * 0.62) + random.whole(-3, 3)), pulse: { value: random.whole(58, 78), unit: 'bpm', isInRange: true } },
  };
};

/** Six weeks of Anna Rossi's until `nowMs`, of which nothing is later; the same curves at every call. */
export const historyUntil = (nowMs: number): History => {
  const random = createRandom(SEED);
  const firstMs = Math.floor(nowMs / dayMs) * dayMs - (DAYS - 1) * dayMs;
  const days = Array.from({ length: DAYS }, (_, day) => ({ day, startMs: firstMs + day * dayMs }));
  const samples = days.flatMap(({ day, startMs }) => samplesOfDay(random, startMs, day)).filter(({ untilMs }) => untilMs <= nowMs);
  const readings = days.flatMap(({ day, startMs }) => [6, 19].map((hour) => ({ day, atMs: startMs + hour * hourMs + random.whole(0, 40) * minuteMs })))
    .map(({ day, atMs }) => ({ atMs, reading: readingAt(random, atMs, day) })).filter(({ atMs }) => atMs <= nowMs);
  return {
    samples: samples.map((sample) => ({ ...readIn(sample, timeZone), sourceName: 'Apple Watch' })),
    deliveries: readings.map(({ reading }) => written('medisantestandard-json', reading)),
  };
};
