/** What a span tells. Never health data, ids of people or devices, paths, query strings, or values that a statement was given. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** Adds what is known only once the work is under way. */
export type Note = (attributes: SpanAttributes) => void;

/** A part of the work that is worth a span of its own. */
export interface SpanWish {
  readonly name: string;
  /** `client` asks somebody else, `consumer` takes a job. */
  readonly kind: 'client' | 'consumer';
  readonly attributes: SpanAttributes;
  /** Whose trace it begins, for work that nobody asked for in a request; without it, there is a span only inside of another one. */
  readonly service?: string;
}

/** How a request ended, as far as a trace may know. */
export interface RequestOutcome {
  readonly method: string;
  readonly operation: string;
  /** With its parameters as names in braces; absent where no operation was matched. */
  readonly route?: string;
  readonly status: number;
  /** By our doing, or without an answer. */
  readonly hasFailed: boolean;
}

/** The span of a request: `run` has what happens inside be part of it. */
export interface RequestSpan {
  readonly run: (work: () => void) => void;
  readonly end: (outcome: RequestOutcome) => void;
}

/** What records spans. */
export interface Tracing {
  /** `traceparent` is the W3C header of a caller whose trace is continued. */
  readonly request: (service: string, traceparent: string | undefined) => RequestSpan;
  readonly span: <Result>(wish: SpanWish, work: (note: Note) => Promise<Result>) => Promise<Result>;
  /** The W3C headers by which the service that is asked continues the trace. */
  readonly headers: () => Readonly<Record<string, string>>;
}

let tracing: Tracing | undefined;

/** Has spans recorded from now on; undefined ends that. One per process, before anything is started. */
export const useTracing = (one: Tracing | undefined): void => {
  tracing = one;
};

export const isTracing = (): boolean => tracing !== undefined;

const unheard: Note = () => undefined;

/** Does the work, in a span where traces are wanted; a rejection is its failure. */
export const traced = <Result>(wish: SpanWish, work: (note: Note) => Promise<Result>): Promise<Result> => (tracing === undefined ? work(unheard) : tracing.span(wish, work));

/** Opens the span of a request, in the trace of its caller where that is to be continued; undefined where no traces are wanted. */
export const requestSpan = (service: string, traceparent: string | undefined): RequestSpan | undefined => tracing?.request(service, traceparent);

/** Headers that continue the trace under way at the service that is asked. */
export const traceHeaders = (): Readonly<Record<string, string>> => tracing?.headers() ?? {};
