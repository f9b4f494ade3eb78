import { setTimeout as sleep } from 'node:timers/promises';
import { collectDefaultMetrics, Gauge, Histogram, register, Registry } from 'prom-client';
import type { GaugeSource, Reading } from '../metrics/gauge.ts';
import type { AccessRecord } from './access-log.ts';

/** The figures of one service in Prometheus' text format. */
export interface Metrics {
  readonly registry: Registry;
  readonly record: (access: AccessRecord) => void;
  readonly render: () => Promise<{ contentType: string; body: string }>;
}

/** Scrapers wait for ten seconds unless told otherwise. */
const SCRAPE_MS = 3_000;

type Look = (source: Pick<GaugeSource, 'read' | 'otherwise'>) => Promise<readonly Reading[]>;

/**
 * Looks up one figure after the other, so that a scrape takes one connection to the database and not one per figure. What cannot be
 * looked up, or not in time, is left out unless it says otherwise: the other figures are wanted most when the database is gone.
 */
const inTurn = (scrape: () => object): Look => {
  let last: Promise<unknown> = Promise.resolve();
  return ({ read, otherwise = [] }) => {
    const turn = last.then(() => read(scrape())).catch(() => otherwise);
    last = turn;
    return Promise.race([turn, sleep(SCRAPE_MS, otherwise, { ref: false })]);
  };
};

const addGauge = (registry: Registry, look: Look, source: GaugeSource): void => {
  const { name, help, labelNames, isPrompt } = source;
  // What is told at once does not wait behind what hangs.
  const lookNow = isPrompt === true ? inTurn(() => ({})) : look;
  const gauge = new Gauge({
    name, help, labelNames: [...labelNames], registers: [registry],
    collect: async () => {
      const readings = await lookNow(source);
      gauge.reset();
      // A gauge without labels is reset to 0, which would be told as if it had been looked up.
      if (labelNames.length === 0) gauge.remove();
      for (const { labels, value } of readings) gauge.set(labels, value);
    },
  });
};

/** Counts and times requests by operation and status in a registry of the service; process figures are shared by all services. */
export const createMetrics = (service: string, gauges: readonly GaugeSource[] = []): Metrics => {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  const duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from the arrival of a request to the end of its answer.',
    labelNames: ['operation', 'status'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  });
  let scrape = {};
  const look = inTurn(() => scrape);
  for (const gauge of gauges) addGauge(registry, look, gauge);
  return {
    registry,
    record: ({ operationId, status, durationMs }) => duration.observe({ operation: operationId, status: String(status) }, durationMs / 1000),
    render: async () => {
      scrape = {};
      if (register.getSingleMetric('process_cpu_user_seconds_total') === undefined) collectDefaultMetrics({ register });
      return { contentType: registry.contentType, body: `${await registry.metrics()}\n${await register.metrics()}` };
    },
  };
};
