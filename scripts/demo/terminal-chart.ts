import type { Series } from './phone.ts';

const blocks = '▁▂▃▄▅▆▇█';
const dayMs = 86_400_000;

/** One line per series: the mean of each UTC day as a block between the smallest and the largest mean. */
export const dailyMeans = ({ name, data }: Series): string => {
  const days = Object.values(Object.groupBy(data, (point) => String(Math.floor(point.x / dayMs))));
  const means = days.map((points = []) => points.reduce((sum, point) => sum + point.y, 0) / points.length);
  const low = Math.min(...means);
  const high = Math.max(...means);
  const line = means.map((mean) => blocks[Math.round(((mean - low) / (high - low || 1)) * (blocks.length - 1))]).join('');
  return `${name.padEnd(34)} ${low.toFixed(1).padStart(6)} ${line} ${high.toFixed(1)}`;
};
