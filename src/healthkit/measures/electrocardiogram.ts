import type { Members } from '../shapes/shape.ts';
import { measureOf, wordsIn, type Found } from './measure.ts';

/** The average heart rate and what the watch takes the rhythm for; the trace stays where it was received. */
export const electrocardiogramMeasures = (item: Members): Found => ({
  averageHeartRate: measureOf(item, ['averageHeartRate', 'averageHeartRateBpm'], 'count/min'),
  classification: wordsIn(item['classification']),
});
