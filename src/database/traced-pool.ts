import type pg from 'pg';
import { traced, type SpanWish } from '../tracing/tracing.ts';

type Query = (...words: unknown[]) => unknown;

const textOf = (statement: unknown): string => (typeof statement === 'string' ? statement : ((statement as { text?: unknown } | null)?.text as string | undefined) ?? '');

/** What a statement does to which table first, and never the statement: it names neither values nor conditions. */
const wishOf = (text: string): SpanWish => {
  const operation = (/^\s*([a-z]+)/i.exec(text)?.[1] ?? 'query').toUpperCase();
  const [, table] = /\b(?:from|into|update|join)\s+([a-z_]+[.][a-z_]+)\b/i.exec(text) ?? [];
  return {
    name: table === undefined ? operation : `${operation} ${table}`, kind: 'client',
    attributes: { 'db.system.name': 'postgresql', 'db.operation.name': operation, ...(table !== undefined && { 'db.collection.name': table }) },
  };
};

/** Statements that are streams, and those that call back, are the driver's own. */
const isPlain = (words: readonly unknown[]): boolean => typeof words.at(-1) !== 'function' && typeof (words[0] as { submit?: unknown } | null)?.submit !== 'function';

const tracedQuery = (query: Query): Query => (...words) => (isPlain(words) ? traced(wishOf(textOf(words[0])), () => query(...words) as Promise<unknown>) : query(...words));

/**
 * Has a span for each statement of a pool and of the connections that it lends, inside of a trace. Of a pool's own statement the wait for
 * a connection is part.
 */
export const traceStatements = (pool: pg.Pool): pg.Pool => {
  const lent = new WeakSet<object>();
  const connect = pool.connect.bind(pool) as Query;
  const withSpans = (client: pg.PoolClient): pg.PoolClient => {
    if (!lent.has(client)) Object.assign(client, { query: tracedQuery(client.query.bind(client) as Query) });
    lent.add(client);
    return client;
  };
  return Object.assign(pool, {
    query: tracedQuery(pool.query.bind(pool) as Query),
    connect: (...words: unknown[]) => (words.length > 0 ? connect(...words) : (connect() as Promise<pg.PoolClient>).then(withSpans)),
  });
};
