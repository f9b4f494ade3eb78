import pg from 'pg';

/** A statement that the program ran, and what was under way then. */
export interface RecordedStatement {
  readonly during: string;
  readonly text: string;
  readonly values: readonly unknown[];
  /** Prepared under a name: after some runs PostgreSQL may plan it once for all values. */
  readonly isPrepared: boolean;
}

interface Recording {
  /** Names what is under way from now on. */
  readonly during: (name: string) => void;
  readonly statements: () => readonly RecordedStatement[];
  readonly stop: () => void;
}

const KEPT_OF_EACH = 3;
const isPlanned = /^\s*(select|insert|update|delete|with)\b/i;

/**
 * Records the statements that this process sends to PostgreSQL from now on, whatever pool they go through; of one text up to three with
 * different values at each stage. What has no plan (begin, set, …) is left out.
 */
export const recordStatements = (): Recording => {
  const kept = new Map<string, RecordedStatement[]>();
  let stage = 'start';
  const note = (statement: unknown, more: unknown): void => {
    const { text, values, name } = (typeof statement === 'string' ? { text: statement } : statement) as { text?: string; values?: unknown[]; name?: string };
    if (text === undefined || !isPlanned.test(text)) return;
    const key = `${stage} ${text}`;
    const known = kept.get(key) ?? [];
    if (known.length < KEPT_OF_EACH) kept.set(key, [...known, { during: stage, text, values: values ?? (Array.isArray(more) ? (more as unknown[]) : []), isPrepared: name !== undefined }]);
  };
  const prototype = pg.Client.prototype as unknown as { query: (...words: unknown[]) => unknown };
  const original = prototype.query;
  prototype.query = function query(this: unknown, ...words: unknown[]): unknown {
    note(words[0], words[1]);
    return original.apply(this, words);
  };
  return {
    during: (name) => {
      stage = name;
    },
    statements: () => [...kept.values()].flat(),
    stop: () => {
      prototype.query = original;
    },
  };
};
