import type { ChartedExtent, ChartSeries, OwnSample } from '../../../generated/bff.d.ts';
import { millisecondsOf } from './chart-lines.ts';
import { coveredBy, pointsForBars, type Span } from './chart-span.ts';
import { api, bodyOf, isSignedOut } from './service.ts';
import { zone } from './time-words.ts';

/** Which lines are asked for. */
export interface Wanted {
  readonly normalizedDataType: string;
  readonly span: Span;
  readonly source: string | undefined;
  /** How many values or bars fit. */
  readonly points: number;
  /** Whether they are bars. */
  readonly isSum: boolean;
}

/** Lines, and the time of which they tell. */
export interface Charted {
  readonly series: readonly ChartSeries[];
  readonly covered: Span;
}

const ask = ({ normalizedDataType, span, source, points }: Omit<Wanted, 'isSum'>): Promise<readonly ChartSeries[]> =>
  bodyOf<readonly ChartSeries[]>(api.GET('/chart-data', {
    params: { query: { normalizedDataType, from: new Date(span.from).toISOString(), to: new Date(span.to).toISOString(), points, timeZone: zone(), ...(source !== undefined && { source }) } },
  }));

/** The span with all of the bars at its ends, and how long a bar is. */
interface WholeBars {
  readonly span: Span;
  readonly barMs: number | undefined;
}

const wholeBars = (series: readonly ChartSeries[], span: Span): WholeBars =>
  series.filter(({ cumulative }) => cumulative === true).reduce<WholeBars>((covered, { interval, data }) => {
    const [barMs, first, last] = [millisecondsOf(interval), data[0], data.at(-1)];
    return barMs === undefined || first === undefined || last === undefined ? covered : { span: coveredBy(covered.span, barMs, first.x, last.x), barMs };
  }, { span, barMs: undefined });

/** The lines of a span. A bar is a sum of all of its time, also where the span begins or ends within. */
export const chartedIn = async (wanted: Wanted): Promise<Charted> => {
  const series = await ask(wanted);
  const { span, barMs } = wanted.isSum ? wholeBars(series, wanted.span) : { span: wanted.span, barMs: undefined };
  if (barMs === undefined || (span.from === wanted.span.from && span.to === wanted.span.to)) return { series, covered: wanted.span };
  return { series: await ask({ ...wanted, span, points: pointsForBars(span, barMs) }), covered: span };
};

/** What counts, however far it has been submitted. */
const counting = ['normalized', 'submitted', 'submission-failed'] as const;

/** The sample measured last of those that count; the chart stands without it. */
export const latestOf = async ({ normalizedDataType }: ChartedExtent): Promise<OwnSample | undefined> => {
  const asked = counting.map((state) => bodyOf<readonly OwnSample[]>(api.GET('/health-data', { params: { query: { normalizedDataType, state, _l: 1, _p: 'normalizedData,recordedAt' } } })));
  try {
    const found = (await Promise.all(asked)).flat();
    return found.sort((a, b) => Date.parse(b.recordedAt ?? '') - Date.parse(a.recordedAt ?? ''))[0];
  } catch (error) {
    if (isSignedOut(error)) throw error;
    return undefined;
  }
};
