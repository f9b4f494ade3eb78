import type { Random } from './random.ts';
import { written, type Format, type Metric } from './writing.ts';

export const faults = ['duplicates', 'late', 'clock-skew', 'bad-units', 'unknown-type', 'truncated'] as const;
export type Fault = (typeof faults)[number];

/** A device of the simulation and who holds it. */
export interface SimulatedDevice {
  readonly deviceId: string;
  readonly serialNumber: string;
  readonly patientId: string;
}

/** What must become of a delivery: kept for its patient, kept for nobody yet, or refused with nothing kept. */
export type Expected = 'kept' | 'quarantined' | 'refused';

/** One delivery to send, as often as `times` says. */
export interface SimulatedDelivery {
  readonly correlationId: string;
  readonly device: SimulatedDevice;
  readonly fault: Fault | undefined;
  readonly expected: Expected;
  readonly times: number;
  readonly contentType: string;
  readonly body: string;
}

const dayMs = 86_400_000;

const metric = (value: number, unit: string): Metric => ({ value, unit, isInRange: true });

/** A plausible reading of each type, in a unit that its devices use. */
const readings: Readonly<Record<string, (random: Random) => Record<string, Metric>>> = {
  BloodPressure: (random) => {
    const [systolic, diastolic] = [random.whole(95, 180), random.whole(50, 90)];
    const isPascal = random.next() < 0.5;
    const pressure = (mmHg: number) => (isPascal ? metric(Math.round(mmHg * 133.322387415), 'Pa') : metric(mmHg, 'mmHg'));
    return { systolicBloodPressure: pressure(systolic), diastolicBloodPressure: pressure(diastolic), pulse: metric(random.whole(45, 110), 'bpm') };
  },
  BodyWeight: (random) => ({ bodyWeight: metric(random.whole(45_000, 120_000), 'g') }),
  BodyTemperature: (random) => ({ temperature: metric(random.whole(355, 395) / 10, '°C') }),
  SpO2: (random) => ({ SpO2: metric(random.whole(90, 100), '%'), pulse: metric(random.whole(45, 110), 'bpm') }),
  Glucose: (random) => ({ glucose: random.next() < 0.5 ? metric(random.whole(40, 120) / 10, 'mmol/L') : metric(random.whole(70, 220), 'mg/dL') }),
};

const measuredAt = (random: Random, fault: Fault | undefined, nowMs: number): number => {
  if (fault === 'clock-skew') return nowMs + random.whole(1, 30) * dayMs;
  if (fault === 'late') return nowMs - random.whole(5, 300) * dayMs;
  return nowMs - random.whole(1, 4 * 86_400) * 1000;
};

const withBadUnits = (metrics: Record<string, Metric>): Record<string, Metric> => Object.fromEntries(Object.entries(metrics).map(([name, one]) => [name, { ...one, unit: 'cubit' }]));

const expectedOf = (fault: Fault | undefined): Expected => {
  if (fault === 'truncated') return 'refused';
  return fault === 'clock-skew' ? 'quarantined' : 'kept';
};

/** Which run it is: the same seed gives the same readings, and never the same names. */
export interface Run {
  readonly run: string;
  readonly nowMs: number;
  readonly format: Format;
}

/** Devices of a run, each held by a patient of its own. */
export const simulatedDevices = (random: Random, count: number, run: string): SimulatedDevice[] =>
  Array.from({ length: count }, (_, index) => {
    const serialNumber = `SIM-${run}-${String(index + 1).padStart(5, '0')}`;
    return { deviceId: `Simulated:SIM100:${serialNumber}`, serialNumber, patientId: `sim-${run}-${random.uuid()}` };
  });

/** The next delivery of a device; `fault` spoils it. */
export const simulatedDelivery = (random: Random, device: SimulatedDevice, fault: Fault | undefined, { run, nowMs, format }: Run): SimulatedDelivery => {
  const correlationId = `${random.uuid()}-${run}`;
  const type = random.oneOf(Object.keys(readings));
  const metrics = readings[type]?.(random) ?? {};
  const { contentType, text } = written(format, {
    correlationId, measurementType: fault === 'unknown-type' ? 'PhaseOfTheMoon' : type, measuredAt: new Date(measuredAt(random, fault, nowMs)).toISOString(),
    // Real devices are named by their id, or only by their serial number.
    deviceId: random.next() < 0.8 ? device.deviceId : '', serialNumber: device.serialNumber,
    metrics: fault === 'bad-units' ? withBadUnits(metrics) : metrics,
  });
  const body = fault === 'truncated' ? text.slice(0, random.whole(1, text.length - 1)) : text;
  return { correlationId, device, fault, expected: expectedOf(fault), times: fault === 'duplicates' ? random.whole(2, 5) : 1, contentType, body };
};
