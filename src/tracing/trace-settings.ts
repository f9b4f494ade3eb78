const samplers = ['always_on', 'always_off', 'traceidratio', 'parentbased_always_on', 'parentbased_always_off', 'parentbased_traceidratio'] as const;

/** What the standard variables of OpenTelemetry say beside where to send (which the exporter reads by itself). */
export interface TraceSettings {
  readonly serviceName: string | undefined;
  readonly resource: Readonly<Record<string, string>>;
  readonly sampler: (typeof samplers)[number];
  /** Share of traces, 0 to 1, for samplers by ratio. */
  readonly ratio: number;
  /** Milliseconds between two sendings. */
  readonly everyMs: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

const given = (environment: Environment, name: string): string | undefined => {
  const text = environment[name]?.trim();
  return text === '' ? undefined : text;
};

/** `key=value` pairs, percent-encoded, separated by commas (OpenTelemetry, resource SDK). */
const pairsIn = (text: string): Record<string, string> =>
  Object.fromEntries(text.split(',').flatMap((pair) => {
    const at = pair.indexOf('=');
    const key = pair.slice(0, Math.max(at, 0)).trim();
    return key === '' ? [] : [[key, decodedOf(pair.slice(at + 1).trim())]];
  }));

const decodedOf = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a lone percent sign stands for itself
  }
};

const numberIn = (text: string | undefined, otherwise: number, most: number): number => {
  const number = Number(text ?? Number.NaN);
  return number >= 0 && number <= most ? number : otherwise;
};

/**
 * The settings of traces; undefined where none are wanted: no OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is given, or
 * OTEL_SDK_DISABLED is true, or OTEL_TRACES_EXPORTER is none. `notices` tells what is given and not done.
 */
export const traceSettingsIn = (environment: Environment): { readonly settings: TraceSettings | undefined; readonly notices: readonly string[] } => {
  const read = (name: string): string | undefined => given(environment, name);
  const isWanted = read('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') !== undefined || read('OTEL_EXPORTER_OTLP_ENDPOINT') !== undefined;
  if (!isWanted || read('OTEL_SDK_DISABLED')?.toLowerCase() === 'true' || read('OTEL_TRACES_EXPORTER') === 'none') return { settings: undefined, notices: [] };
  const protocol = read('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') ?? read('OTEL_EXPORTER_OTLP_PROTOCOL') ?? 'http/protobuf';
  const sampler = read('OTEL_TRACES_SAMPLER') ?? 'parentbased_always_on';
  const known = samplers.find((one) => one === sampler);
  const settings = {
    serviceName: read('OTEL_SERVICE_NAME'), resource: pairsIn(read('OTEL_RESOURCE_ATTRIBUTES') ?? ''), sampler: known ?? 'parentbased_always_on',
    ratio: numberIn(read('OTEL_TRACES_SAMPLER_ARG'), 1, 1), everyMs: numberIn(read('OTEL_BSP_SCHEDULE_DELAY'), 5_000, 3_600_000),
  };
  return {
    settings,
    notices: [
      ...(protocol === 'http/protobuf' ? [] : ['OTEL_EXPORTER_OTLP_PROTOCOL: traces are sent by http/protobuf alone']),
      ...(known === undefined ? [`OTEL_TRACES_SAMPLER is none of ${samplers.join(', ')}: parentbased_always_on is used`] : []),
    ],
  };
};
