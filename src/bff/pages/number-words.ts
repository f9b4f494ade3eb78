const whole = new Intl.NumberFormat();
const fine = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const finer = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 });

/** A measured value as people read it: no more places than tell something. */
export const valueText = (value: number): string => {
  const size = Math.abs(value);
  if (size >= 1000) return whole.format(Math.round(value));
  return (size < 10 ? finer : fine).format(value);
};

/** How many of something, in the right number. */
export const countText = (count: number, one: string, many = `${one}s`): string => `${whole.format(count)} ${count === 1 ? one : many}`;

const sizes = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;

/** The size of a file. */
export const sizeText = (bytes: number): string => {
  const power = Math.min(sizes.length - 1, bytes < 1 ? 0 : Math.floor(Math.log10(bytes) / 3));
  return new Intl.NumberFormat(undefined, { style: 'unit', unit: sizes[power] ?? 'byte', unitDisplay: 'short', maximumFractionDigits: 1 }).format(bytes / 1000 ** power);
};
