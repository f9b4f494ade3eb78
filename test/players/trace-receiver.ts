import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A span as it arrived; identifiers as hexadecimal digits, the parent empty for the first of a trace. */
export interface ReceivedSpan {
  readonly service: string;
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly hasFailed: boolean;
}

/** A receiver of OTLP over HTTP (protobuf). */
export interface TraceReceiver {
  readonly url: string;
  readonly spans: readonly ReceivedSpan[];
  /** All bodies, byte for byte. */
  readonly bytes: () => Buffer;
  /** Paths and content types that came. */
  readonly asked: readonly string[];
  readonly stop: () => Promise<void>;
}

type Field = readonly [number: number, value: Buffer | bigint];

const varint = (bytes: Buffer, at: number): [bigint, number] => {
  let [value, shift, place] = [0n, 0n, at];
  for (;;) {
    const byte = bytes[place++] ?? 0;
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return [value, place];
    shift += 7n;
  }
};

/** The fields of one message (protobuf.dev/programming-guides/encoding). */
const fieldsOf = (bytes: Buffer): Field[] => {
  const fields: Field[] = [];
  for (let at = 0; at < bytes.length; ) {
    const [tag, next] = varint(bytes, at);
    const [number, wire] = [Number(tag >> 3n), Number(tag & 7n)];
    at = next;
    if (wire === 0) {
      const [value, after] = varint(bytes, at);
      fields.push([number, value]);
      at = after;
    } else {
      const [length, start] = wire === 2 ? varint(bytes, at) : [BigInt(wire === 1 ? 8 : 4), at];
      fields.push([number, bytes.subarray(start, start + Number(length))]);
      at = start + Number(length);
    }
  }
  return fields;
};

const all = (bytes: Buffer, number: number): Buffer[] => fieldsOf(bytes).flatMap(([one, value]) => (one === number && Buffer.isBuffer(value) ? [value] : []));
const first = (bytes: Buffer, number: number): Buffer => all(bytes, number)[0] ?? Buffer.alloc(0);

const attributesOf = (pairs: readonly Buffer[]): Record<string, string | number> =>
  Object.fromEntries(pairs.map((pair) => {
    const [, value = ''] = fieldsOf(first(pair, 2))[0] ?? [];
    return [first(pair, 1).toString(), Buffer.isBuffer(value) ? value.toString() : Number(value)];
  }));

const STATUS_ERROR = 2n;

/** Numbers of fields: opentelemetry/proto/collector/trace/v1 and opentelemetry/proto/trace/v1. */
const spansIn = (body: Buffer): ReceivedSpan[] =>
  all(body, 1).flatMap((resourceSpans) => {
    const resource = attributesOf(all(first(resourceSpans, 1), 1));
    return all(resourceSpans, 2).flatMap((scopeSpans) => all(scopeSpans, 2)).map((span) => ({
      service: String(resource['service.name']), name: first(span, 5).toString(), traceId: first(span, 1).toString('hex'), spanId: first(span, 2).toString('hex'),
      parentId: first(span, 4).toString('hex'), attributes: attributesOf(all(span, 9)),
      hasFailed: fieldsOf(first(span, 15)).some(([number, value]) => number === 3 && value === STATUS_ERROR),
    }));
  });

/** Starts one on a free port. */
export const startTraceReceiver = async (): Promise<TraceReceiver> => {
  const bodies: Buffer[] = [];
  const asked: string[] = [];
  const spans: ReceivedSpan[] = [];
  const server = createServer((request, response) => {
    void request.toArray().then((chunks) => {
      const body = Buffer.concat(chunks as Buffer[]);
      bodies.push(body);
      asked.push(`${request.url ?? ''} ${request.headers['content-type'] ?? ''}`);
      spans.push(...spansIn(body));
      response.setHeader('content-type', 'application/x-protobuf').end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`, spans, asked,
    bytes: () => Buffer.concat(bodies),
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
};
