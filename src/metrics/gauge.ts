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
  readonly read: () => Promise<readonly Reading[]> | readonly Reading[];
}
