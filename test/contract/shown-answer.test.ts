import { describe, expect, test } from '@jest/globals';
import { meantBy, specifications } from './specifications.ts';
import { untruth } from './shown-answer.ts';

const shown = (name: string): unknown => {
  const spec = specifications.find(({ service }) => service === 'bff')?.spec;
  if (spec === undefined) throw new Error('There is no BFF.');
  return meantBy(spec, (spec.document['components'] as { examples: Record<string, unknown> }).examples[name])['value'];
};
const limits = shown('upload-limits') as Record<string, unknown>;
const [chart] = shown('heart-rate-chart') as [{ data: { x: number; y: number }[] }];
const said = (operationId: string, body: unknown): string | undefined => untruth(operationId, 200, 'application/json; charset=utf-8', JSON.stringify(body));

describe('an answer that is not as its example shows it is told', () => {
  test.each<{ situation: string; operationId: string; body: unknown; told: RegExp | undefined }>([
    { situation: 'the same', operationId: 'getLimits', body: limits, told: undefined },
    { situation: 'another value', operationId: 'getLimits', body: { ...limits, maxItems: 4000 }, told: /\/maxItems: 5000 shown, 4000 answered/ },
    { situation: 'another type', operationId: 'getLimits', body: { ...limits, maxItems: '5000' }, told: /\/maxItems: 5000 shown, "5000" answered/ },
    { situation: 'a member less', operationId: 'getLimits', body: { ...limits, encodings: undefined }, told: /\/encodings: shown, not answered/ },
    { situation: 'a member more', operationId: 'getLimits', body: { ...limits, more: 1 }, told: /\/more: answered, not shown/ },
    { situation: 'an item less', operationId: 'getLimits', body: { ...limits, encodings: ['gzip'] }, told: /\/encodings: 2 shown, 1 answered/ },
    { situation: 'a list with more', operationId: 'getChartData', body: [{ name: 'Other', data: [] }, chart], told: undefined },
    { situation: 'a list with others', operationId: 'getChartData', body: [{ ...chart, name: 'Other' }], told: /\/0\/name: "Heart rate \[bpm\]" shown, "Other" answered/ },
    { situation: 'a point at another instant', operationId: 'getChartData', body: [{ ...chart, data: chart.data.map(({ x, y }) => ({ x: x + 1, y })) }], told: /\/0\/data\/0\/x/ },
    { situation: 'another identifier', operationId: 'assignDevice', body: { _id: 'a'.repeat(32) }, told: undefined },
    { situation: 'an identifier of another type', operationId: 'assignDevice', body: { _id: 1 }, told: /\/_id/ },
  ])('$situation', ({ operationId, body, told }) => {
    if (told === undefined) expect(said(operationId, body)).toBeUndefined();
    else expect(said(operationId, body)).toMatch(told);
  });
});
