/** One point: milliseconds since 1970, value, where its sample is kept (payload and item), and what measured it. */
export type StoredPoint = readonly [x: number, y: number, payloadId: string, itemIndex: number, source: string];

/** The name of a series with its unit, and its points in order of time. */
export interface SeriesBody {
  readonly name: string;
  readonly points: readonly StoredPoint[];
}

/** Points as they were sealed at first, with the identifier of the sample in place of where it is kept. */
interface NamedBody {
  readonly name: string;
  readonly sources: readonly string[];
  readonly points: readonly (readonly [x: number, y: number, sampleId: string, source: number])[];
}

/** Points column by column, which compresses to a fifth: instants and items as steps from the one before, payloads and sources by position. */
interface Columns {
  readonly name: string;
  readonly sources: readonly string[];
  readonly payloads: readonly string[];
  readonly x: readonly number[];
  readonly y: readonly number[];
  readonly payload: readonly number[];
  readonly item: readonly number[];
  readonly source: readonly number[];
}

/** The item index of points that are known by their sample's identifier, which stands where a payload's would. */
export const BY_SAMPLE = -1;

/** Positions of texts in the order in which they first come; neighbours are mostly the same. */
const createPositions = () => {
  const known = new Map<string, number>();
  let last = { text: '', position: -1 };
  return {
    texts: () => [...known.keys()],
    of: (text: string): number => {
      if (text !== last.text || last.position < 0) {
        const position = known.get(text) ?? known.size;
        known.set(text, position);
        last = { text, position };
      }
      return last.position;
    },
  };
};

/** One number where all are the same: most series have one source. */
const folded = (numbers: readonly number[]): readonly number[] => (numbers.every((one) => one === numbers[0]) ? numbers.slice(0, 1) : numbers);

/** The bytes of a body; points must be in order of time. */
export const seriesBytes = ({ name, points }: SeriesBody): Buffer => {
  const [payloads, sources] = [createPositions(), createPositions()];
  const [x, y, payload, item, source] = [[], [], [], [], []] as [number[], number[], number[], number[], number[]];
  let [lastX, lastItem] = [0, 0];
  for (const [at, value, payloadId, itemIndex, from] of points) {
    x.push(at - lastX);
    y.push(value);
    payload.push(payloads.of(payloadId));
    item.push(itemIndex - lastItem);
    source.push(sources.of(from));
    [lastX, lastItem] = [at, itemIndex];
  }
  const columns: Columns = { name, sources: sources.texts(), payloads: payloads.texts(), x, y, payload: folded(payload), item, source: folded(source) };
  return Buffer.from(JSON.stringify(columns));
};

const pointsIn = ({ sources, payloads, x, y, payload, item, source }: Columns): StoredPoint[] => {
  let [at, itemIndex] = [0, 0];
  return x.map((step, index): StoredPoint => {
    at += step;
    itemIndex += item[index] ?? 0;
    return [at, y[index] ?? Number.NaN, payloads[payload[index] ?? payload[0] ?? 0] ?? '', itemIndex, sources[source[index] ?? source[0] ?? 0] ?? ''];
  });
};

/** Reads what `seriesBytes` wrote, now or before points told where their samples are kept. */
export const readSeriesBytes = (bytes: Buffer): SeriesBody => {
  const body = JSON.parse(bytes.toString('utf8')) as Columns | NamedBody;
  if ('x' in body) return { name: body.name, points: pointsIn(body) };
  return { name: body.name, points: body.points.map(([x, y, sampleId, source]): StoredPoint => [x, y, sampleId, BY_SAMPLE, body.sources[source] ?? '']) };
};

/** Where samples are kept, to look for their points. */
export type Places = ReadonlyMap<string, ReadonlySet<number>>;

/** The places of samples, under both names that their points may have. */
export const placesOfSamples = (samples: Iterable<{ readonly _id: string; readonly payload_id: string; readonly item_index: number }>): Places => {
  const places = new Map<string, Set<number>>();
  const add = (name: string, index: number) => {
    const known = places.get(name);
    if (known) known.add(index);
    else places.set(name, new Set([index]));
  };
  for (const { _id, payload_id, item_index } of samples) {
    add(payload_id, item_index);
    add(_id, BY_SAMPLE);
  }
  return places;
};

/** Whether a point is of one of the samples. */
export const isAt = (places: Places, [, , payloadId, itemIndex]: StoredPoint): boolean => places.get(payloadId)?.has(itemIndex) === true;

const byTime = (a: StoredPoint, b: StoredPoint): number => a[0] - b[0];

/** Points with others in place of those of the same samples; in order of time. */
export const mergedPoints = (before: readonly StoredPoint[], added: readonly StoredPoint[]): readonly StoredPoint[] => {
  const places = new Map<string, Set<number>>();
  for (const [, , payloadId, itemIndex] of added) places.set(payloadId, (places.get(payloadId) ?? new Set()).add(itemIndex));
  const kept = before.some((point) => isAt(places, point)) ? before.filter((point) => !isAt(places, point)) : before;
  const all = [...kept, ...added];
  return all.some(([x], index) => index > 0 && x < (all[index - 1]?.[0] ?? x)) ? all.sort(byTime) : all;
};
