import type { Members } from '../shapes/shape.ts';
import { measureOf, type Found } from './measure.ts';

const rings = [['activeEnergyBurned', 'kcal'], ['appleMoveTime', 'min'], ['appleExerciseTime', 'min'], ['appleStandHours', 'count']] as const;

/** The rings of a day, and the goals that held for it. Move time without a goal is of somebody whose ring counts energy. */
export const activitySummaryMeasures = (item: Members): Found => {
  const unused = measureOf(item, ['appleMoveTimeGoal'], 'min')?.value === 0;
  return Object.fromEntries(
    rings.filter(([member]) => !(unused && member === 'appleMoveTime')).flatMap(([member, unit]) => {
      // An export names the unit of the energy once, for the goal as well.
      const own = item[`${member}Unit`];
      const stated = typeof own === 'string' ? own : unit;
      return [[member, measureOf(item, [member], stated)], [`${member}Goal`, measureOf(item, [`${member}Goal`], stated)]] as const;
    }),
  );
};

/** How long somebody means to sleep. */
export const sleepGoalMeasures = (item: Members): Found => ({ goal: measureOf(item, ['value', 'quantity'], typeof item['unit'] === 'string' ? item['unit'] : 'h') });
