/** One of the three services, put together and not yet listening. */
export interface Service {
  readonly name: string;
  readonly listen: (port: number, host: string) => Promise<{ url: string; port: number }>;
  /** Finishes what is under way, then gives everything back. */
  readonly stop: () => Promise<void>;
}
