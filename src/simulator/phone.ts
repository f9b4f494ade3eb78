import { edited, readIn, samplesOfDay, type PhoneSample, type StoredSample } from './health-store.ts';
import type { Random } from './random.ts';

export const phoneFaults = ['redelivery', 'edits', 'deletions', 'travel', 'lost-answers', 'two-phones'] as const;
export type PhoneFault = (typeof phoneFaults)[number];

/** What a phone sends at once; when the answer is lost, it sends it again. */
export interface PhoneStep {
  readonly samples: readonly PhoneSample[];
  /** UUIDs that are gone. */
  readonly deletions: readonly string[];
  /** The connection is gone so soon after sending. */
  readonly answerLostAfterMs: number | undefined;
}

/** What a person's Health app holds in the end, and what was ever in it. */
export interface PhoneTruth {
  readonly alive: ReadonlyMap<string, StoredSample>;
  readonly gone: ReadonlySet<string>;
}

/** Everything one person's phones send, in order, and what must come of it. */
export interface PhoneStory {
  readonly steps: readonly PhoneStep[];
  readonly truth: PhoneTruth;
}

const dayMs = 86_400_000;
const chunkSize = 200;
/** Zones with and without daylight saving, of half hours and beyond the date line. */
const zones = ['Europe/Rome', 'America/New_York', 'Asia/Kolkata', 'Pacific/Kiritimati', 'Australia/Lord_Howe'];

/** The first sync has this part of the days; the rest comes day by day. */
const HISTORY_SHARE = 0.5;

const chunksOf = <Value>(values: readonly Value[]): Value[][] =>
  Array.from({ length: Math.ceil(values.length / chunkSize) }, (_, index) => values.slice(index * chunkSize, (index + 1) * chunkSize));

/**
 * The story of one person: a first sync, newest first, then daily syncs up to `untilMs`. Faults happen on about every third day: a chunk
 * comes again, samples are edited or deleted, the person travels, an answer is lost, a second phone reads the same samples.
 */
export const phoneStory = (random: Random, { days, faults, untilMs }: { readonly days: number; readonly faults: readonly PhoneFault[]; readonly untilMs: number }): PhoneStory => {
  const happens = (fault: PhoneFault): boolean => faults.includes(fault) && random.next() < 0.35;
  const [alive, gone, steps] = [new Map<string, StoredSample>(), new Set<string>(), [] as PhoneStep[]];
  let zone = 'Europe/Rome';
  const send = (samples: readonly StoredSample[], deletions: readonly string[] = [], from = zone): void =>
    void steps.push({ samples: samples.map((sample) => readIn(sample, from)), deletions, answerLostAfterMs: happens('lost-answers') ? random.whole(1, 60) : undefined });
  const live = (day: number): StoredSample[] => {
    const made = samplesOfDay(random, untilMs - (days - day) * dayMs, zone);
    for (const sample of made) alive.set(sample.id, sample);
    return made;
  };
  const replace = (old: StoredSample, next: StoredSample | undefined): void => {
    alive.delete(old.id);
    gone.add(old.id);
    if (next) alive.set(next.id, next);
    send(next ? [next] : [], [old.id]);
  };
  const history = Math.max(1, Math.floor(days * HISTORY_SHARE));
  for (const chunk of chunksOf(Array.from({ length: history }, (_, day) => live(day)).flat().reverse())) send(chunk);
  for (let day = history; day < days; day += 1) {
    if (happens('travel')) zone = random.oneOf(zones);
    const today = live(day);
    send(today);
    if (happens('two-phones')) send(today, [], random.oneOf(zones));
    const known = [...alive.values()];
    if (happens('redelivery')) send(known.slice(-chunkSize));
    if (happens('edits')) {
      const old = random.oneOf(known);
      replace(old, edited(random, old));
    }
    if (happens('deletions')) replace(random.oneOf([...alive.values()]), undefined);
    // A restored phone sends what was deleted: it stays deleted.
    if (gone.size > 0 && happens('redelivery')) steps.push({ samples: steps.flatMap(({ samples }) => samples).filter(({ id }) => gone.has(id)).slice(0, 5), deletions: [], answerLostAfterMs: undefined });
  }
  return { steps, truth: { alive, gone } };
};
