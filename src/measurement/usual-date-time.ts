const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const ZERO = 0x30;

/** Two digits, or NaN. */
const pairAt = (text: string, at: number): number => {
  const [tens, ones] = [text.charCodeAt(at) - ZERO, text.charCodeAt(at + 1) - ZERO];
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
};

const PADDED = Array.from({ length: 60 }, (_, number) => String(number).padStart(2, '0'));

let lastDay = { ms: Number.NaN, date: '' };

/** What Date.toISOString makes of an instant of the years 0 to 9999; neighbours in a list share their day. */
export function isoOf(epochMs: number): string {
  const day = Math.floor(epochMs / DAY) * DAY;
  if (day !== lastDay.ms) lastDay = { ms: day, date: new Date(day).toISOString().slice(0, 11) };
  const inDay = epochMs - day;
  const seconds = Math.floor(inDay / 1000);
  const [hour, minute, second] = [PADDED[Math.floor(seconds / 3600)] ?? '', PADDED[Math.floor(seconds / 60) % 60] ?? '', PADDED[seconds % 60] ?? ''];
  return `${lastDay.date}${hour}:${minute}:${second}.${String(inDay % 1000).padStart(3, '0')}Z`;
}

let lastDate = { text: '', ms: Number.NaN };

/** Midnight UTC of a date as YYYY-MM-DD; NaN for what is none. */
function dateMs(text: string): number {
  if (text !== lastDate.text) {
    const ms = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
    // Date.parse turns 30 February into 1 March.
    lastDate = { text, ms: !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text) ? ms : Number.NaN };
  }
  return lastDate.ms;
}

/** Minutes of ±hhmm or ±hh:mm at a place where the text ends with it, 0 of Z; NaN for what is none of them, or more than 14 hours. */
function zoneAt(text: string, at: number): number {
  const sign = text.charAt(at);
  if (sign === 'Z') return text.length === at + 1 ? 0 : Number.NaN;
  const minutesAt = text.charAt(at + 3) === ':' ? at + 4 : at + 3;
  if ((sign !== '+' && sign !== '-') || text.length !== minutesAt + 2) return Number.NaN;
  const [hours, minutes] = [pairAt(text, at + 1), pairAt(text, minutesAt)];
  if (!(minutes <= 59) || !(hours * 60 + minutes <= 14 * 60)) return Number.NaN;
  return (sign === '-' ? -1 : 1) * (hours * 60 + minutes);
}

/**
 * Reads the one form in which nearly all dates come, `2024-07-23T15:44:05[.993]` with a T or a space, and Z, +0200, +02:00 or, after a
 * space, +0200; undefined for every other, which is not to say that it is wrong. Ten times as quick as an expression that knows them all.
 */
export function readUsual(text: string): { readonly epochMs: number; readonly offsetMinutes: number } | undefined {
  const separator = text.charAt(10);
  if ((separator !== 'T' && separator !== ' ') || text.charAt(13) !== ':' || text.charAt(16) !== ':') return undefined;
  const [hour, minute, second] = [pairAt(text, 11), pairAt(text, 14), pairAt(text, 17)];
  if (!(hour <= 23 && minute <= 59 && second <= 59)) return undefined;
  const hasFraction = text.charAt(19) === '.';
  const fraction = hasFraction ? pairAt(text, 20) * 10 + text.charCodeAt(22) - ZERO : 0;
  if (!(fraction >= 0 && fraction <= 999) || (hasFraction && !(text.charCodeAt(22) >= ZERO && text.charCodeAt(22) <= ZERO + 9))) return undefined;
  const end = hasFraction ? 23 : 19;
  const offsetMinutes = zoneAt(text, text.charAt(end) === ' ' ? end + 1 : end);
  const epochMs = dateMs(text.slice(0, 10)) + ((hour * 60 + minute) * 60 + second) * 1000 + fraction - offsetMinutes * MINUTE;
  return Number.isNaN(epochMs) ? undefined : { epochMs, offsetMinutes };
}
