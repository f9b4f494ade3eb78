import { format } from './time-words.ts';

const day = 86_400;
const time: Intl.DateTimeFormatOptions = { hour: 'numeric', minute: '2-digit' };
const date: Intl.DateTimeFormatOptions = { day: 'numeric', month: 'short' };

/** Words for the marks of a time axis, in the browser's locale; instants and the step between them in seconds. */
export const ticksOf = (splits: readonly number[], step: number, zone: string): string[] => {
  const words = (options: Intl.DateTimeFormatOptions, seconds: number): string => format(options, zone).format(seconds * 1000);
  let before = '';
  const once = (text: string): string => {
    const isNew = text !== before;
    before = text;
    return isNew ? `\n${text}` : '';
  };
  return splits.map((seconds) => {
    if (step >= 365 * day) return words({ year: 'numeric' }, seconds);
    if (step >= 28 * day) return `${words({ month: 'short' }, seconds)}${once(words({ year: 'numeric' }, seconds))}`;
    if (step >= day) return `${words(date, seconds)}${once(words({ year: 'numeric' }, seconds))}`;
    return `${words(time, seconds)}${once(words(date, seconds))}`;
  });
};
