/** What a figure is held to. */
export interface Bound {
  /** Whether more is better. */
  readonly is: 'at least' | 'at most';
  readonly must: number;
  readonly aim?: number;
}

/** One figure beside the limit that was measured in the same run. */
export interface Figure {
  readonly what: string;
  readonly against: string;
  readonly reached: number;
  /** Of a figure that is no ratio. */
  readonly unit?: string;
  readonly bound: Bound;
}

/** What one run of a benchmark found. */
export interface Findings {
  readonly figures: readonly Figure[];
  /** In more detail, as people read it: the first row has the names of the columns. */
  readonly table: readonly (readonly string[])[];
}

/** One benchmark: what it does, how to read it, and the run itself. */
export interface Benchmark {
  readonly title: string;
  /** Markdown: what is done, and against what. */
  readonly about: string;
  /** Markdown: why it comes out like that, from a profile. */
  readonly remarks?: string;
  readonly run: () => Promise<Findings>;
}

/** The figure in the middle. */
export const medianOf = (figures: readonly number[]): number => figures.toSorted((a, b) => a - b)[Math.floor(figures.length / 2)] ?? Number.NaN;

/** A figure with its least and most. */
export const spreadOf = (figures: readonly number[], digits = 0): string => {
  const told = (value: number) => value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return `${told(medianOf(figures))} (${told(Math.min(...figures))} to ${told(Math.max(...figures))})`;
};

/** Milliseconds that something takes. */
export const timeOf = async (work: () => unknown): Promise<number> => {
  const started = performance.now();
  await work();
  return performance.now() - started;
};

/** Does something for each of many, so many at once. */
export const inLanes = async <One>(lanes: number, all: readonly One[], work: (one: One) => Promise<unknown>): Promise<void> => {
  const waiting = all.values();
  await Promise.all(Array.from({ length: lanes }, async () => {
    for (const one of waiting) await work(one);
  }));
};

/** Whether a figure is within its bound. */
export const isMet = ({ reached, bound: { is, must } }: Figure): boolean => (is === 'at least' ? reached >= must : reached <= must);
