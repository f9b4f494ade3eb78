import { membersOf, type Members } from '../shapes/shape.ts';
import { joined, measureOf, type Found } from './measure.ts';

/** What a prescription says of each eye: its names in HealthKit and in exports, and the unit. */
const parts: readonly (readonly [name: string, unit: string, ...members: string[]])[] = [
  ['sphere', 'D', 'sphere'], ['cylinder', 'D', 'cylinder'], ['axis', 'deg', 'axis'], ['addPower', 'D', 'addPower', 'add'], ['vertexDistance', 'mm', 'vertexDistance', 'vertex'],
  ['prismAmount', 'prismDiopter', 'prismAmount'], ['prismAngle', 'deg', 'prismAngle'], ['farPupillaryDistance', 'mm', 'farPupillaryDistance', 'farPD'],
  ['nearPupillaryDistance', 'mm', 'nearPupillaryDistance', 'nearPD'], ['baseCurve', 'mm', 'baseCurve'], ['diameter', 'mm', 'diameter'],
];

/** What is prescribed for each eye: rightEyeSphere. */
export const visionMeasures = (item: Members): Found =>
  Object.fromEntries(
    (['rightEye', 'leftEye'] as const).flatMap((eye) => {
      const lens = membersOf(item[eye]);
      const flat: Members = { ...lens, ...Object.fromEntries(Object.entries(membersOf(lens['prism'])).map(([name, value]) => [joined('prism', name), value])) };
      return parts.map(([name, unit, ...members]) => [joined(eye, name), measureOf(flat, members, unit)] as const);
    }),
  );
