import { canonicalJson } from '../domain/certificate.ts';
import { membersOf } from '../domain/rule.ts';
import type { Reading } from './reading.ts';

const surroundings = new Set(['annotations', 'device', 'timestamp']);

/**
 * What a reading says was measured, the same text for the same measurement wherever it stands: type, values with their units, times to
 * the millisecond, status, the device by one name, and why nobody may read it. How its device and its patient are described, how
 * an instant is written, and what is said about it are not among it.
 */
export const contentOf = ({ document, measurementType, measuredAt, endedAt, status, deviceName, identifiers, unfit }: Reading): string => {
  const metrics = Object.entries(membersOf(membersOf(document)['measurements'])).filter(([name]) => !surroundings.has(name));
  return canonicalJson({ measurementType, metrics: Object.fromEntries(metrics), start: measuredAt?.epochMs, end: endedAt?.epochMs, status, device: deviceName ?? identifiers[0], unfit });
};
