import { promisify } from 'node:util';
import { constants, gzip as gzipOfNode } from 'node:zlib';
import { createClient, type FlushOutcome, type Gzip, type Outbox, type Verdict, type VitalgateClient } from '../client/client.ts';
import type { ImportedItem } from './export-item.ts';
import { ImportFault } from './import-fault.ts';

/** What became of the items of an import. */
export interface ImportOutcome {
  readonly items: number;
  /** Items that an earlier run had settled. */
  readonly skipped: number;
  readonly statuses: Readonly<Record<string, number>>;
  /** By type and code, without values. */
  readonly refused: readonly { readonly type: string; readonly code: string; readonly items: number }[];
}

export interface ImportTarget {
  readonly url: string;
  readonly credentials: { readonly username: string; readonly password: string };
  /** IANA zone of days that the export writes without one. */
  readonly timeZone: string;
  /** Told when a device had to be enrolled. */
  readonly onEnrolled: (deviceId: string) => void;
}

export interface ImportProgress {
  readonly settled: (items: number) => void;
  /** Items before this position are settled, and will not be sent again. */
  readonly settledUpTo: (position: number) => void;
}

const UPLOADS_AT_ONCE = 4;
const ITEMS_AT_ONCE = 1000;

const compress = promisify(gzipOfNode);
/** An export repeats itself so much that the quickest level makes a twentieth of it, too. */
const gzip: Gzip = async (text) => new Uint8Array(await compress(text, { level: constants.Z_BEST_SPEED }));

const DEVICE = { deviceId: 'apple-health-export', deviceType: 'Wearable', deviceProvider: 'apple-healthkit', name: 'Apple Health export' };

interface Batch {
  readonly from: number;
  readonly items: readonly ImportedItem[];
}

async function* batchesOf(pages: AsyncIterable<readonly ImportedItem[]>, skipped: number): AsyncGenerator<Batch> {
  let position = 0;
  let from = skipped;
  let items: ImportedItem[] = [];
  for await (const page of pages) {
    for (const item of page) {
      position += 1;
      if (position <= skipped) continue;
      items.push(item);
      if (items.length < ITEMS_AT_ONCE) continue;
      yield { from, items };
      [from, items] = [position, []];
    }
  }
  if (items.length > 0) yield { from, items };
}

const enrol = async ({ api }: VitalgateClient, onEnrolled: (deviceId: string) => void): Promise<void> => {
  const { data = [] } = await api.GET('/devices');
  const devices = data as readonly unknown[] as readonly { readonly deviceProvider: string }[];
  if (devices.some(({ deviceProvider }) => /healthkit/i.test(deviceProvider))) return;
  const { response } = await api.POST('/devices/assign', { body: DEVICE });
  if (!response.ok) throw new ImportFault(`No device could be enrolled: the server answered ${String(response.status)}.`);
  onEnrolled(DEVICE.deviceId);
};

const failures: Readonly<Record<Exclude<FlushOutcome['state'], 'empty' | 'held' | 'parked'>, string>> = {
  unreachable: 'The server cannot be reached any more: run the same command again, and it goes on where it was.',
  'signed-out': 'The session has ended: run the same command again, and it goes on where it was.',
  'somebody-else': 'Somebody else has signed in: run the same command again, and it goes on where it was.',
  erased: 'All of this person was erased: nothing is kept of them any more.',
  cancelled: 'The import was stopped: run the same command again, and it goes on where it was.',
};

/** Counts verdicts, and knows up to where all items are settled although uploads end in any order. */
const createTally = (skipped: number, { settled, settledUpTo }: ImportProgress) => {
  const statuses = new Map<string, number>();
  const refused = new Map<string, number>();
  const done = new Map<number, number>();
  let upTo = skipped;
  let items = 0;
  const count = (counts: Map<string, number>, key: string) => counts.set(key, (counts.get(key) ?? 0) + 1);
  return {
    take: (verdicts: readonly Verdict[]) => {
      for (const { item, status, code } of verdicts) {
        count(statuses, status);
        if (status === 'rejected') count(refused, JSON.stringify([(item as ImportedItem).type, code ?? '']));
      }
      items += verdicts.length;
      settled(verdicts.length);
    },
    finish: ({ from, items: batch }: Batch) => {
      done.set(from, from + batch.length);
      for (let next = done.get(upTo); next !== undefined; next = done.get(upTo)) {
        done.delete(upTo);
        upTo = next;
      }
      settledUpTo(upTo);
    },
    outcome: (): ImportOutcome => ({
      items, skipped, statuses: Object.fromEntries(statuses),
      refused: [...refused].map(([key, number]) => {
        const [type = '', code = ''] = JSON.parse(key) as string[];
        return { type, code, items: number };
      }).sort((a, b) => b.items - a.items),
    }),
  };
};

/**
 * Uploads items through the BFF, several batches at a time. What was refused for now (a date ahead of the clock) is refused for this
 * import. Items have no UUID in an export: who runs it twice adds nothing.
 * @throws VitalgateError when signing in is refused, ImportFault when the server stops answering or refuses for good
 */
export const uploadItems = async (pages: AsyncIterable<readonly ImportedItem[]>, { url, credentials, timeZone, onEnrolled }: ImportTarget, skipped: number, progress: ImportProgress): Promise<ImportOutcome> => {
  const tally = createTally(skipped, progress);
  const batches = batchesOf(pages, skipped);
  let failed = false;
  const work = async (outbox: Outbox): Promise<void> => {
    for (let next = await batches.next(); next.done !== true && !failed; next = await batches.next()) {
      await outbox.addSamples(next.value.items, { timeZone });
      const outcome = await outbox.flush();
      if (outcome.state === 'parked') throw new ImportFault(`The server refuses the upload (${String(outcome.error.status)} ${outcome.error.code}).`);
      if (outcome.state !== 'empty' && outcome.state !== 'held') throw new ImportFault(failures[outcome.state]);
      // What is refused for now is refused for this import.
      await outbox.clear();
      tally.finish(next.value);
    }
  };
  const client = createClient({ baseUrl: url, gzip, onEvent: (event) => (event.kind === 'verdicts' ? tally.take(event.verdicts) : undefined) });
  await client.signIn(credentials);
  const owner = await client.whoIsSignedIn();
  await enrol(client, onEnrolled);
  try {
    const outboxes = Array.from({ length: UPLOADS_AT_ONCE }, (_, index) => client.openOutbox({ owner, name: String(index) }));
    // What is on its way when one fails is waited for, so that the next run need not send it again.
    const ends = await Promise.allSettled(outboxes.map((outbox) => work(outbox).catch((error: unknown) => {
      failed = true;
      throw error;
    })));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
    return tally.outcome();
  } finally {
    await batches.return(undefined);
    await client.signOut().catch(() => undefined); // a session that cannot be ended ends by itself
  }
};
