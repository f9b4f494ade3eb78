import { offsetsOf } from '../measurement/time-zone.ts';
import type { Random } from './random.ts';

/** One sample as react-native-health hands it over; the UUID stays the same however often it is read. */
export interface PhoneSample {
  readonly id: string;
  readonly type: string;
  readonly unit: string;
  readonly value: number;
  readonly startDate: string;
  readonly endDate: string;
  readonly sourceId: string;
  readonly sourceName: string;
  readonly metadata: Readonly<Record<string, string | number>>;
}

/** A sample before it is read: dates get the offset of the zone that the phone is in then. */
export interface StoredSample {
  readonly id: string;
  readonly type: string;
  readonly value: number;
  readonly atMs: number;
  readonly untilMs: number;
  readonly timeZone: string;
  readonly version: number;
  readonly syncIdentifier: string;
}

const dayMs = 86_400_000;

/** Types of a simulated day, with how many samples it has of each and how long one lasts. */
const kinds = [
  { type: 'HeartRate', unit: 'bpm', perDay: 24, least: 48, most: 150, lastsMs: 0 },
  { type: 'StepCount', unit: 'count', perDay: 10, least: 1, most: 900, lastsMs: 600_000 },
  { type: 'OxygenSaturation', unit: '%', perDay: 3, least: 0.9, most: 1, lastsMs: 0 },
  { type: 'BodyMass', unit: 'kg', perDay: 1, least: 50, most: 110, lastsMs: 0 },
] as const;

const watch = { sourceId: 'com.apple.health.142CD7CC-53D1-4C96-8151-D0A5FD7846FE', sourceName: 'Simulated Watch' };

const textOf = (epochMs: number, offsetMinutes: number): string => {
  const sign = offsetMinutes < 0 ? '-' : '+';
  const [hours, minutes] = [Math.floor(Math.abs(offsetMinutes) / 60), Math.abs(offsetMinutes) % 60];
  return `${new Date(epochMs + offsetMinutes * 60_000).toISOString().slice(0, -1)}${sign}${String(hours).padStart(2, '0')}${String(minutes).padStart(2, '0')}`;
};

/** A sample as a phone in a time zone reads it: the same instants, with the offset that holds there at that date. */
export const readIn = ({ id, type, value, atMs, untilMs, timeZone, version, syncIdentifier }: StoredSample, phoneZone: string): PhoneSample => {
  const offset = offsetsOf(phoneZone) ?? (() => 0);
  const unit = kinds.find((kind) => kind.type === type)?.unit ?? '';
  return {
    id, type, unit, value, startDate: textOf(atMs, offset(atMs)), endDate: textOf(untilMs, offset(untilMs)), ...watch,
    metadata: { HKTimeZone: timeZone, ...(version > 1 && { HKMetadataKeySyncIdentifier: syncIdentifier, HKMetadataKeySyncVersion: version }) },
  };
};

const valueOf = (random: Random, { least, most }: { readonly least: number; readonly most: number }): number =>
  Number((least + random.next() * (most - least)).toFixed(most <= 1 ? 3 : 0));

/** What a person's Health app gains on one day, which begins at `dayStartMs`; no two samples of a type begin at the same time. */
export const samplesOfDay = (random: Random, dayStartMs: number, timeZone: string): StoredSample[] =>
  kinds.flatMap((kind) => {
    const slotMs = dayMs / kind.perDay;
    return Array.from({ length: kind.perDay }, (_, index): StoredSample => {
      const atMs = Math.floor(dayStartMs + index * slotMs + random.next() * (slotMs - kind.lastsMs - 1000));
      const id = random.uuid();
      return { id, type: kind.type, value: valueOf(random, kind), atMs, untilMs: atMs + kind.lastsMs, timeZone, version: 1, syncIdentifier: id };
    });
  });

/** The sample that takes the place of an edited one: HealthKit gives it a UUID of its own. */
export const edited = (random: Random, sample: StoredSample): StoredSample => {
  const kind = kinds.find(({ type }) => type === sample.type);
  return { ...sample, id: random.uuid(), value: kind ? valueOf(random, kind) : sample.value, version: sample.version + 1 };
};
