import { readFileSync } from 'node:fs';

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

const numberIn = (text: string | undefined, most: number): number | undefined => {
  const number = Number(text ?? Number.NaN);
  return number >= 0 && number <= most ? number : undefined;
};

type Read = (name: string) => string | undefined;

/** Variables of one kind; the first that is given counts. */
const endpoints = ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'] as const;
const files = ['CERTIFICATE', 'CLIENT_CERTIFICATE', 'CLIENT_KEY'].map((name) => [`OTEL_EXPORTER_OTLP_TRACES_${name}`, `OTEL_EXPORTER_OTLP_${name}`]);

const isAddress = (text: string): boolean => /^https?:\/\//i.test(text) && URL.canParse(text);

const isReadable = (path: string): boolean => {
  try {
    return readFileSync(path).length > 0;
  } catch {
    return false; // the notice tells it
  }
};

/** Of what the exporter reads by itself, and passes over in silence where it cannot use it. */
const noticesOfExporter = (read: Read): string[] => {
  const protocol = read('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') ?? read('OTEL_EXPORTER_OTLP_PROTOCOL') ?? 'http/protobuf';
  const unreadable = files.flatMap((names) => names.find((name) => read(name) !== undefined) ?? []).filter((name) => !isReadable(read(name) ?? ''));
  return [
    ...(protocol === 'http/protobuf' ? [] : ['OTEL_EXPORTER_OTLP_PROTOCOL: traces are sent by http/protobuf alone']),
    ...unreadable.map((name) => `${name}: the file cannot be read, and traces are sent without it`),
  ];
};

/**
 * The settings of traces; undefined where none are wanted: no OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is given, or
 * OTEL_SDK_DISABLED is true, or OTEL_TRACES_EXPORTER is none; and where the endpoint is no address, in place of which the exporter would send to
 * this machine, with the credential of the receiver. `notices` tells what is given and not done.
 */
export const traceSettingsIn = (environment: Environment): { readonly settings: TraceSettings | undefined; readonly notices: readonly string[] } => {
  const read = (name: string): string | undefined => given(environment, name);
  const named = endpoints.find((name) => read(name) !== undefined);
  if (named === undefined || read('OTEL_SDK_DISABLED')?.toLowerCase() === 'true' || read('OTEL_TRACES_EXPORTER') === 'none') return { settings: undefined, notices: [] };
  if (!isAddress(read(named) ?? '')) return { settings: undefined, notices: [`${named} is no address that begins with http:// or https://: no traces are sent`] };
  const sampler = read('OTEL_TRACES_SAMPLER') ?? 'parentbased_always_on';
  const known = samplers.find((one) => one === sampler);
  const resource = pairsIn(read('OTEL_RESOURCE_ATTRIBUTES') ?? '');
  const share = read('OTEL_TRACES_SAMPLER_ARG');
  const ratio = numberIn(share, 1);
  const settings = {
    serviceName: read('OTEL_SERVICE_NAME') ?? resource['service.name'], resource, sampler: known ?? 'parentbased_always_on',
    ratio: ratio ?? 1, everyMs: numberIn(read('OTEL_BSP_SCHEDULE_DELAY'), 3_600_000) ?? 5_000,
  };
  return {
    settings,
    notices: [
      ...noticesOfExporter(read),
      ...(known === undefined ? [`OTEL_TRACES_SAMPLER is none of ${samplers.join(', ')}: parentbased_always_on is used`] : []),
      ...(share !== undefined && ratio === undefined ? ['OTEL_TRACES_SAMPLER_ARG is no number from 0 to 1, such as 0.05: a sampler by ratio keeps all traces'] : []),
    ],
  };
};
