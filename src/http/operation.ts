import type { XmlElement } from '../xml/xml-gate.ts';
import type { ItemSlice } from './json-gate.ts';

/** The success statuses an operation may declare; problems are thrown, never returned. */
export type Success = 200 | 201 | 202 | 204 | 304;

/** The part of openapi-typescript's `operations[id]` that the kit reads. */
interface Operation {
  readonly parameters: { readonly query?: unknown; readonly path?: unknown; readonly header?: unknown };
  readonly requestBody?: unknown;
  readonly responses: unknown;
}

/** Answer of a status whose declaration in the spec carries `x-empty-body: true`: the status and the headers alone. */
export const noBody: unique symbol = Symbol('no body');

/** Extra response headers; an array repeats the header (Set-Cookie). */
export type ReplyHeaders = Readonly<Record<string, string | readonly string[]>>;

type ContentOf<Message> = Message extends { readonly content: infer Content } ? Content[keyof Content] : never;
/** Text may be sent piece by piece, as it is made. */
type Sent<Content> = Content extends string ? Content | AsyncIterable<string> : Content;
type Present<T> = [T] extends [never] ? object : NonNullable<T>;
type LowerKeys<T> = { readonly [K in keyof T as K extends string ? Lowercase<K> : K]: T[K] };

type BodyOf<Op extends Operation> = Op extends { readonly requestBody: infer Body }
  ? ContentOf<Body>
  : Op extends { readonly requestBody?: infer Body }
    ? ContentOf<NonNullable<Body>> | undefined
    : undefined;

type Answer<Status extends number, Message> = [ContentOf<Message>] extends [never]
  ? { readonly status: Status; readonly headers?: ReplyHeaders; readonly body?: never }
  : { readonly status: Status; readonly headers?: ReplyHeaders; readonly body: Sent<ContentOf<Message>> | typeof noBody };

/** Union over the declared success statuses of an operation; a status without content has no body. */
export type Reply<Op extends Operation> = {
  [S in keyof Op['responses'] & Success]: Answer<S, Op['responses'][S]>;
}[keyof Op['responses'] & Success];

/**
 * One validated request. `path`, `query` and `headers` (lower-case names) hold what the spec declares, coerced and with
 * defaults; `bytes` is the body as received after content decoding; `items` are byte slices into it when it is an array.
 * `mediaType` is that of the body, as the spec lists it; `xml` is there when that is XML, and `body` its text.
 * `wanted` is the media type of a 200 that the client likes best of those declared. `origin` is scheme and host as the client wrote them, for links back; `source` is where it comes from, for counting (see createSourceReader). `signal` aborts when the client goes away before the answer is written.
 */
export interface Call<Op extends Operation, Caller> {
  readonly path: Readonly<Present<Op['parameters']['path']>>;
  readonly query: Readonly<Present<Op['parameters']['query']>>;
  readonly headers: LowerKeys<Present<Op['parameters']['header']>>;
  readonly body: BodyOf<Op>;
  readonly bytes: Buffer;
  readonly items?: readonly ItemSlice[];
  readonly mediaType?: string;
  readonly xml?: XmlElement;
  readonly caller: Caller;
  readonly requestId: string;
  readonly wanted: string | undefined;
  readonly origin: string;
  readonly source: string;
  readonly signal: AbortSignal;
}

/**
 * The typed map operationId → handler. Leave the platform operations out with `Omit<operations, …>`; name the operations
 * that need no credential in `Open`, their `caller` is undefined.
 */
export type Handlers<Ops extends { [Id in keyof Ops]: Operation }, Caller, Open extends keyof Ops = never> = {
  readonly [Id in keyof Ops]: (
    call: Call<Ops[Id], Id extends Open ? undefined : Caller>,
  ) => Promise<Reply<Ops[Id]>> | Reply<Ops[Id]>;
};

/** What the router sees of a call once the types are checked. */
export interface AnyCall {
  readonly path: Readonly<Record<string, unknown>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: unknown;
  readonly bytes: Buffer;
  readonly items?: readonly ItemSlice[];
  readonly mediaType?: string;
  readonly xml?: XmlElement;
  readonly caller: unknown;
  readonly requestId: string;
  readonly wanted: string | undefined;
  readonly origin: string;
  readonly source: string;
  readonly signal: AbortSignal;
}

/** What the router sees of a reply. */
export interface AnyReply {
  readonly status: number;
  readonly headers?: ReplyHeaders;
  readonly body?: unknown;
}

/** What the router sees of one handler; `never` lets every typed map be handed over without a cast. */
export type AnyHandler = (call: never) => Promise<AnyReply> | AnyReply;
