import { commensurable, convert } from '../../measurement/quantity.ts';
import { ucumOf } from '../../measurement/unit-spelling.ts';
import type { Members } from '../shapes/shape.ts';
import { measureIn, measureOf, objectsIn, type Found, type Measure } from './measure.ts';

/** UCUM has no hearing level: its decibel is annotated, so that nobody takes it for a sound pressure. */
const HEARING_LEVEL = 'dB{HL}';

const numbersIn = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** Thresholds in lists by ear, as Flutter has them, or one object for each frequency. */
const pointsIn = (item: Members): readonly Members[] => {
  const [left, right] = [numbersIn(item['leftEarSensitivities'] ?? item['left_ear_sensitivities']), numbersIn(item['rightEarSensitivities'] ?? item['right_ear_sensitivities'])];
  const lists = numbersIn(item['frequencies']).map((frequency, index) => ({ frequency, leftEarSensitivity: left[index], rightEarSensitivity: right[index] }));
  return lists.length > 0 ? lists : objectsIn(item['sensitivityPoints']);
};

const hertzOf = (point: Members): number | undefined => {
  const frequency = measureIn(point['frequency'], 'Hz');
  const unit = frequency && ucumOf(frequency.unit);
  return frequency && unit !== undefined && commensurable(unit, 'Hz') ? convert(frequency.value, unit, 'Hz') : undefined;
};

const thresholdOf = (point: Members, members: readonly string[]): Measure | undefined => {
  const found = measureOf(point, members, 'dBHL');
  return found && { value: found.value, unit: ucumOf(found.unit) === 'dB' ? HEARING_LEVEL : found.unit };
};

/** The hearing threshold of each ear at each frequency: leftEar1000Hz. */
export const audiogramMeasures = (item: Members): Found =>
  Object.fromEntries(
    pointsIn(item).flatMap((point) => {
      const hertz = hertzOf(point);
      if (hertz === undefined) return [];
      return [
        [`leftEar${String(hertz)}Hz`, thresholdOf(point, ['leftEarSensitivity', 'leftEar'])] as const,
        [`rightEar${String(hertz)}Hz`, thresholdOf(point, ['rightEarSensitivity', 'rightEar'])] as const,
      ];
    }),
  );
