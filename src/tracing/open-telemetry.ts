import { context, createContextKey, propagation, SpanKind, SpanStatusCode, trace, type Context, type Span, type Tracer } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { setGlobalErrorHandler, W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import { AlwaysOffSampler, AlwaysOnSampler, BatchSpanProcessor, ParentBasedSampler, TraceIdRatioBasedSampler, TracerProvider, type Sampler } from '@opentelemetry/sdk-trace';
import type { Note, RequestSpan, SpanWish, Tracing } from './tracing.ts';
import type { TraceSettings } from './trace-settings.ts';

/** The tracer of the service that a context belongs to: all services of a process have a name of their own. */
const tracerKey = createContextKey('tracer of the service');
const FLUSH_MS = 5_000;

const samplerOf = ({ sampler, ratio }: TraceSettings): Sampler => {
  const root = { always_on: () => new AlwaysOnSampler(), always_off: () => new AlwaysOffSampler(), traceidratio: () => new TraceIdRatioBasedSampler(ratio) };
  const isByParent = sampler.startsWith('parentbased_');
  const made = root[sampler.replace('parentbased_', '') as keyof typeof root]();
  return isByParent ? new ParentBasedSampler({ root: made }) : made;
};

/** One provider per service, for a service is what a resource names; all send by one processor. */
const tracersBy = (settings: TraceSettings, version: string, processor: BatchSpanProcessor): ((service: string) => Tracer) => {
  const sampler = samplerOf(settings);
  const tracers = new Map<string, Tracer>();
  return (service) => {
    const known = tracers.get(service);
    if (known !== undefined) return known;
    const resource = defaultResource().merge(resourceFromAttributes({ ...settings.resource, 'service.name': settings.serviceName ?? `vitalgate-${service}`, 'service.version': version }));
    const tracer = new TracerProvider({ resource, sampler, spanProcessors: [processor] }).getTracer('vitalgate', version);
    tracers.set(service, tracer);
    return tracer;
  };
};

const failed = (span: Span, error: unknown): void => {
  // Messages may quote what was worked on: the kind of the error is told alone.
  span.setStatus({ code: SpanStatusCode.ERROR }).setAttribute('error.type', error instanceof Error ? error.name : 'unknown');
};

const kinds = { client: SpanKind.CLIENT, consumer: SpanKind.CONSUMER } as const;

const runIn = async <Result>(at: Context, span: Span, work: (note: Note) => Promise<Result>): Promise<Result> => {
  try {
    return await context.with(at, () => work((attributes) => void span.setAttributes(attributes)));
  } catch (error) {
    failed(span, error);
    throw error;
  } finally {
    span.end();
  }
};

const requestSpanBy = (tracerOf: (service: string) => Tracer): Tracing['request'] => (service, traceparent): RequestSpan => {
  // Without `tracestate`, which would go with every span to the receiver and on to other services, whatever somebody wrote there.
  const parent = propagation.extract(context.active(), { traceparent });
  const tracer = tracerOf(service);
  const span = tracer.startSpan('request', { kind: SpanKind.SERVER }, parent);
  const inside = trace.setSpan(parent, span).setValue(tracerKey, tracer);
  return {
    run: (work) => context.with(inside, work),
    end: ({ method, operation, route, status, hasFailed }) => {
      span.updateName(route === undefined ? method : `${method} ${route}`);
      span.setAttributes({ 'http.request.method': method, 'http.response.status_code': status, 'vitalgate.operation': operation, ...(route !== undefined && { 'http.route': route }) });
      if (hasFailed) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    },
  };
};

const spanBy = (tracerOf: (service: string) => Tracer): Tracing['span'] => ({ name, kind, attributes, service }: SpanWish, work) => {
  const active = context.active();
  const tracer = service === undefined ? (active.getValue(tracerKey) as Tracer | undefined) : tracerOf(service);
  if (tracer === undefined) return work(() => undefined);
  const span = tracer.startSpan(name, { kind: kinds[kind], attributes, root: service !== undefined }, active);
  return runIn(trace.setSpan(active, span).setValue(tracerKey, tracer), span, work);
};

/**
 * Sends spans by OTLP over HTTP (protobuf) to where the standard environment variables say; the exporter reads endpoint, headers, timeout,
 * compression and certificates from them by itself. `stop` sends what is left, for at most 5 seconds. Trouble with sending is told to
 * `onTrouble` and hinders nothing.
 */
export const startOpenTelemetry = (settings: TraceSettings, version: string, onTrouble: (error: string) => void): { readonly tracing: Tracing; readonly stop: () => Promise<void> } => {
  setGlobalErrorHandler((error) => onTrouble(error instanceof Error ? error.name : 'unknown'));
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  const processor = new BatchSpanProcessor({ exporter: new OTLPTraceExporter(), scheduledDelayMillis: settings.everyMs });
  const tracerOf = tracersBy(settings, version, processor);
  return {
    tracing: {
      request: requestSpanBy(tracerOf),
      span: spanBy(tracerOf),
      headers: () => {
        const headers: Record<string, string> = {};
        propagation.inject(context.active(), headers);
        return headers;
      },
    },
    stop: async () => {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, FLUSH_MS)));
      await Promise.race([processor.shutdown().catch((error: unknown) => onTrouble(error instanceof Error ? error.name : 'unknown')), late]);
      clearTimeout(timer);
    },
  };
};
