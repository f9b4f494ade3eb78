import { FUTURE_TOLERANCE_MS } from '../healthkit/limits.ts';
import type { VettedSample } from '../healthkit/vetting.ts';
import { readingIdentity } from '../keys/identity.ts';
import type { NewSample } from './storage/new-sample-table.ts';

/** Whether the name of a reading with versions is that of the total of a period. */
export const isTotalName = (identity: string | undefined): boolean => identity?.startsWith('total:') === true;

/** The instant before which an upload was not read: it says what was measured until then. A clock that is ahead is allowed for. */
export const earliestReading = (samples: readonly VettedSample[]): number =>
  samples.reduce((latest, { start }) => Math.max(latest, start.epochMs), -Infinity) - FUTURE_TOLERANCE_MS;

/** The reading that a sample is a version of, and which: the one that its app counts, or of the total of a period by when it was read. */
export const versionOf = (identityKey: Buffer, provider: string, { sync, total, source, type = '' }: VettedSample, readAfter: number): Pick<NewSample, 'identity' | 'versionNumber'> => {
  if (sync) return { identity: `identifier:${readingIdentity(identityKey, [provider, source, type, sync.identifier])}`, versionNumber: sync.version };
  return total ? { identity: `total:${readingIdentity(identityKey, [provider, ...total])}`, versionNumber: readAfter } : {};
};
