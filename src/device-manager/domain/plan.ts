import { parseBound } from '../../measurement/instant.ts';

/** A monitoring plan, as far as it decides which samples it gets; instants in milliseconds since 1970. */
export interface Plan {
  readonly planId: string;
  readonly start: number;
  /** Infinity for a plan without end. */
  readonly end: number;
  /** Devices the plan is for; none means all. */
  readonly devices: readonly string[];
}

const dayMs = 86_400_000;

/** The first instant of a plan: of a day without time its midnight, and of a time that names no zone, that time, both in UTC; NaN for none. */
export const startOf = (text: string): number => {
  const instant = parseBound(text);
  const read = instant === 'no-zone' ? parseBound(`${text}Z`) : instant;
  return typeof read === 'object' ? read.epochMs : Number.NaN;
};

/** The last instant of an end: of a day without time, its last millisecond. */
export const endOf = (text: string | null | undefined): number => {
  if (text === null || text === undefined) return Number.POSITIVE_INFINITY;
  return /^\d{4}-\d{2}-\d{2}$/.test(text) ? startOf(text) + dayMs - 1 : startOf(text);
};

/** Whether a plan was active when a device measured, and is for that device. A plan whose dates are none is never active. */
export const asksFor = ({ start, end, devices }: Plan, measured: { readonly deviceId: string; readonly observedAt: number }): boolean =>
  start <= measured.observedAt && measured.observedAt <= end && (devices.length === 0 || devices.includes(measured.deviceId));
