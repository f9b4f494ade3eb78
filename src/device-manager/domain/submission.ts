import type { NormalizedData, Observation } from '../../measurement/coding.ts';
import { pointsOf } from './chart.ts';

/** A measurement under a plan, about to be sent; `key` is the same whenever it is sent. */
export interface Detection {
  readonly key: string;
  readonly planId: string;
  readonly patientId: string;
  readonly deviceId: string;
  readonly observedAt: Date;
  readonly value: NormalizedData;
}

/** A detection as the Therapy and Monitoring Manager has it. */
export interface WrittenDetection {
  readonly detectionId: string;
  readonly deviceId: string | undefined;
  readonly observedAt: number;
  readonly value: unknown;
}

/** The Therapy and Monitoring Manager does not take what was sent, now or later; nothing of it was written. */
export class Refusal extends Error {
  readonly reason: string;

  constructor(reason: string) {
    super(reason);
    this.name = 'Refusal';
    this.reason = reason;
  }
}

/** The Therapy and Monitoring Manager could not be asked, or answered what means nothing; what was sent may have been written. */
export class Trouble extends Error {
  readonly reason: string;
  readonly waitMs: number;
  /** Whether it is certain that nothing more comes of the request: nobody got it, or it was turned away. */
  readonly isOver: boolean;

  constructor(reason: string, { waitMs = 0, isOver = false, cause }: { readonly waitMs?: number; readonly isOver?: boolean; readonly cause?: unknown } = {}) {
    super(reason, { cause });
    this.name = 'Trouble';
    this.reason = reason;
    this.waitMs = waitMs;
    this.isOver = isOver;
  }
}

/** How patient submissions are. */
export interface Pace {
  /** Wait after the first failure; it doubles with each further one. */
  readonly firstWaitMs: number;
  readonly longestWaitMs: number;
  /** How often one detection may fail while others are taken, before it is parked. */
  readonly mostFailures: number;
}

/** When to try again after some failures in a row: doubled each time, capped, and spread so that patients do not come all at once. */
export const waitAfter = ({ firstWaitMs, longestWaitMs }: Pace, failures: number, random = Math.random()): number =>
  Math.min(longestWaitMs, firstWaitMs * 2 ** Math.min(failures - 1, 30)) * (0.75 + random / 2);

/** JSON with members in order: two values that say the same have the same. */
export const canonical = (value: unknown): string =>
  JSON.stringify(value, (_key, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member) ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1))) : member,
  );

/** Which of the detections are among those written, by key; no written one stands for two. */
export const foundAmong = (detections: readonly Detection[], written: readonly WrittenDetection[]): Map<string, string> => {
  const left = [...written];
  const found = new Map<string, string>();
  for (const { key, deviceId, observedAt, value } of detections) {
    const index = left.findIndex((one) => one.observedAt === observedAt.getTime() && one.deviceId === deviceId && canonical(one.value) === canonical(value));
    const [match] = index < 0 ? [] : left.splice(index, 1);
    if (match) found.set(key, match.detectionId);
  }
  return found;
};

const isMeasured = (one: unknown): one is Observation =>
  typeof one === 'object' && one !== null && 'value' in one && typeof one.value === 'number' && 'code' in one && typeof one.code === 'string';

/** The values of a detection that is shaped as a normalized record is; none of another. */
const observationsIn = (value: unknown): readonly Observation[] =>
  typeof value === 'object' && value !== null && 'observations' in value && Array.isArray(value.observations) ? value.observations.filter(isMeasured) : [];

/** One line of a chart of detections. */
export interface DetectionSeries {
  readonly name: string;
  readonly data: { readonly x: number; readonly y: number }[];
}

/** The chart of detections whose values are shaped as normalized records are; others have no points. Lines are in the order of their codes. */
export const chartOfDetections = (written: readonly WrittenDetection[]): DetectionSeries[] => {
  const points = written.flatMap(({ observedAt, value }) => pointsOf({ period: { startDate: new Date(observedAt).toISOString() }, observations: observationsIn(value) }));
  const lines = [...Map.groupBy(points, ({ series, name }) => `${series}|${name}`)].sort(([a], [b]) => (a < b ? -1 : 1));
  return lines.map(([, line]) => ({ name: line[0]?.name ?? '', data: line.map(({ x, y }) => ({ x, y })).sort((a, b) => a.x - b.x) }));
};
