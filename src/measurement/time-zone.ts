const MINUTE = 60_000;
const MAX_REMEMBERED = 1000;
type Offsets = (epochMs: number) => number;
const remembered = new Map<string, Offsets | undefined>();

function formatOf(timeZone: string): Intl.DateTimeFormat | undefined {
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone, hourCycle: 'h23', era: 'short',
      year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric',
    });
  } catch (error) {
    if (error instanceof RangeError) return undefined; // how Intl says that it does not know the zone
    throw error;
  }
}

function createOffsets(timeZone: string): Offsets | undefined {
  const format = formatOf(timeZone);
  if (format === undefined) return undefined;
  return (epochMs) => {
    const parts = new Map(format.formatToParts(epochMs).map(({ type, value }) => [type, Number(value)]));
    const part = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0;
    const shown = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'));
    return Math.round((shown - epochMs) / MINUTE);
  };
}

/**
 * A function from an instant to the minutes east of UTC of an IANA zone at that instant; undefined when the zone is unknown.
 * Formatters cost 50 µs to make, so up to 1000 zones are remembered.
 */
export function offsetsOf(timeZone: string): Offsets | undefined {
  if (timeZone === '' || timeZone.length > 64) return undefined;
  if (!remembered.has(timeZone)) {
    if (remembered.size >= MAX_REMEMBERED) remembered.clear();
    remembered.set(timeZone, createOffsets(timeZone));
  }
  return remembered.get(timeZone);
}
