import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';

/** What an app does; each has keys of its own kind: instants of samples, identifiers of deliveries and devices, one name for wishes. */
export type Act = 'upload' | 'deletion' | 'delivery' | 'enrolment' | 'sign-in' | 'reset wish';

/** `unknown`: the connection broke. `refused`: 503 with the time to come again. `undeclared`: any other answer that is no success. */
export type Outcome = 'sent' | 'acknowledged' | 'unknown' | 'refused' | 'undeclared';

/** One line of a ledger. */
export interface Entry {
  readonly act: Act;
  readonly keys: readonly string[];
  readonly outcome: Outcome;
  /** The answer that nobody declared. */
  readonly answer?: string;
}

/** Where an app notes what it is about to send, and what came back, before it does anything else. */
export interface Ledger {
  readonly note: (entry: Entry) => void;
  readonly close: () => void;
}

/** Opens a ledger to add to. A line is on the disk when `note` returns. */
export const openLedger = (path: string): Ledger => {
  const file = openSync(path, 'a');
  return {
    note: (entry) => {
      writeSync(file, `${JSON.stringify(entry)}\n`);
      fsyncSync(file);
    },
    close: () => closeSync(file),
  };
};

/** All entries of a ledger, in order. */
export const readLedger = (path: string): Entry[] =>
  readFileSync(path, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as Entry);
