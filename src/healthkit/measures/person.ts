import type { Members } from '../shapes/shape.ts';
import type { Found } from './measure.ts';

const CALENDAR_DATE = /^(\d{4})-(\d{2})-(\d{2})/;

const yearsBetween = (birth: readonly number[], on: readonly number[]): number => {
  const [year = 0, month = 0, day = 0] = birth;
  const [nowYear = 0, nowMonth = 0, nowDay = 0] = on;
  return nowYear - year - (nowMonth < month || (nowMonth === month && nowDay < day) ? 1 : 0);
};

const dateIn = (text: unknown): readonly number[] | undefined => {
  const found = typeof text === 'string' ? CALENDAR_DATE.exec(text) : undefined;
  return found ? found.slice(1).map(Number) : undefined;
};

/** The age in whole years on the day the date of birth was read, by the calendar of the texts, whatever their offsets. */
export const birthMeasures = (item: Members): Found => {
  const [birth, on] = [dateIn(item['value']), dateIn(item['startDate'] ?? item['start'])];
  const age = birth && on ? yearsBetween(birth, on) : undefined;
  return { age: age === undefined || age < 0 ? undefined : { value: age, unit: 'a' } };
};
