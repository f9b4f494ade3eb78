import type { Queryable } from '../database/pool.ts';
import { findingsOf, type Finding } from './finding.ts';

const { well, warning, wrong } = findingsOf('clock');

/** Tokens are believed for a minute around their time; instants of receipt come from this clock. */
const WRONG_SECONDS = 60;
/** A Date header tells whole seconds. */
const NOTICED_SECONDS = 5;

/** A clock other than ours: what it said, and when we asked and were answered, in milliseconds since 1970. */
export interface OtherClock {
  readonly whose: string;
  readonly saidMs: number;
  readonly askedMs: number;
  readonly answeredMs: number;
}

/** Judges our clock by another one; the time of the answer is taken for the middle between question and answer. */
export const judgeClock = ({ whose, saidMs, askedMs, answeredMs }: OtherClock): Finding => {
  const seconds = Math.abs(saidMs - (askedMs + answeredMs) / 2) / 1000;
  const found = `${seconds.toFixed(seconds < 10 ? 1 : 0)} s apart`;
  const remedy = 'synchronize both clocks (systemd-timesyncd, chrony)';
  if (seconds > WRONG_SECONDS) return wrong(`against ${whose}`, found, remedy);
  return seconds > NOTICED_SECONDS ? warning(`against ${whose}`, found, remedy) : well(`against ${whose}`, found);
};

/** Asks the database for its time. */
export const databaseClock = async (db: Queryable): Promise<OtherClock> => {
  const askedMs = Date.now();
  const { rows } = await db.query<{ ms: string }>('select (extract(epoch from clock_timestamp()) * 1000)::bigint as ms');
  return { whose: 'the database', saidMs: Number(rows[0]?.ms), askedMs, answeredMs: Date.now() };
};
