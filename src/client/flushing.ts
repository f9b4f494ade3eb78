import { unlessAborted } from './cancelling.ts';
import type { Anchor, Sendable } from './outbox-entries.ts';
import { recover } from './recovery.ts';
import { settle, type FlushOutcome, type Run, type Step } from './run.ts';
import { uploadOf, type Verdict } from './sending.ts';

/** Sends one entry when its owner is signed in at that moment, and nobody else's. */
const attempt = async (run: Run, key: string, entry: Sendable): Promise<Step> => {
  const begun = run.session.now();
  let sentBytes = 0;
  let verdicts: Verdict[] | 'somebody-else';
  try {
    const upload = await unlessAborted(run.signal, uploadOf(entry, run.owner, run.gzip));
    verdicts = await unlessAborted(run.signal, run.session.as(run.owner, run.signal, () => {
      sentBytes = upload.bytes;
      return upload.send(run.session.api, run.signal);
    }));
  } catch (error) {
    return recover(run, key, entry, error, { sentBytes, begun });
  }
  if (verdicts === 'somebody-else') return { state: 'somebody-else' };
  [run.failures, run.signedInAgain, run.breaks.times] = [0, false, 0];
  return settle(run, key, entry, verdicts);
};

const passAnchor = async (run: Run, key: string, anchor: Anchor): Promise<void> => {
  if (run.held.size > 0) return;
  run.onEvent({ kind: 'anchor', owner: run.owner, anchor });
  await run.entries.remove(key);
};

/**
 * Sends the entries in their order, once each. An anchor goes on only past what is settled: one behind a held sample waits, with all
 * after it. 'again' means that the order changed, or that an entry shall be sent once more.
 */
export const pass = async (run: Run): Promise<FlushOutcome | 'again'> => {
  const keys = await run.entries.keys();
  for (const key of keys) {
    if (run.signal.aborted) return { state: 'cancelled' };
    const entry = run.held.has(key) ? undefined : await run.entries.read(key);
    if (entry?.kind === 'anchor') await passAnchor(run, key, entry.anchor);
    if (entry === undefined || entry.kind === 'anchor') continue;
    const step = await attempt(run, key, entry);
    if (step !== 'settled') return step;
    run.onEvent({ kind: 'progress', settled: run.settled, entriesLeft: (await run.entries.keys()).length });
  }
  // What was enqueued meanwhile is sent, too.
  if ((await run.entries.keys()).some((key) => !keys.includes(key))) return 'again';
  return { state: run.held.size > 0 ? 'held' : 'empty' };
};
