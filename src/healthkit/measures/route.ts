import type { Members } from '../shapes/shape.ts';
import type { Found } from './measure.ts';

/** How many points a track has. Where somebody was is no measurement, and stays in what was received. */
export const routeMeasures = (item: Members): Found => {
  const points = item['locations'] ?? item['route'];
  return { points: Array.isArray(points) ? { value: points.length, unit: '{count}' } : undefined };
};
