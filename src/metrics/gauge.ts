/** One value with its labels, which never name people or devices. */
export interface Reading {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A figure that is looked up whenever somebody asks. */
export interface GaugeSource {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  /** Told at once, or within a bound of its own, whatever the database does: it waits for no other figure. */
  readonly isPrompt?: true;
  /** What is told where it cannot be looked up, or not in time; without it, nothing is. */
  readonly otherwise?: readonly Reading[];
  /** `scrape` is the same for all figures that are asked for together. */
  readonly read: (scrape: object) => Promise<readonly Reading[]> | readonly Reading[];
}

/** Asks once for all figures of a scrape that come from the same question. */
export const askedOnce = <Answer>(ask: () => Promise<Answer>): ((scrape: object) => Promise<Answer>) => {
  const answers = new WeakMap<object, Promise<Answer>>();
  return (scrape) => {
    const answer = answers.get(scrape) ?? ask();
    answers.set(scrape, answer);
    return answer;
  };
};
