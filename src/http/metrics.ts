import { collectDefaultMetrics, Gauge, Histogram, register, Registry } from 'prom-client';
import type { AccessRecord } from './access-log.ts';

/** The figures of one service in Prometheus' text format. */
export interface Metrics {
  readonly registry: Registry;
  readonly record: (access: AccessRecord) => void;
  readonly render: () => Promise<{ contentType: string; body: string }>;
}

/** A figure that is looked up whenever somebody asks; labels never name people or devices. */
export interface GaugeSource {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly read: () => Promise<readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[]>;
}

const addGauge = (registry: Registry, { name, help, labelNames, read }: GaugeSource): void => {
  const gauge = new Gauge({
    name, help, labelNames: [...labelNames], registers: [registry],
    collect: async () => {
      gauge.reset();
      // What cannot be looked up is left out: the other figures are wanted most when the database is gone.
      const values = await read().catch(() => []);
      for (const { labels, value } of values) gauge.set(labels, value);
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
  for (const gauge of gauges) addGauge(registry, gauge);
  return {
    registry,
    record: ({ operationId, status, durationMs }) => duration.observe({ operation: operationId, status: String(status) }, durationMs / 1000),
    render: async () => {
      if (register.getSingleMetric('process_cpu_user_seconds_total') === undefined) collectDefaultMetrics({ register });
      return { contentType: registry.contentType, body: `${await registry.metrics()}\n${await register.metrics()}` };
    },
  };
};
