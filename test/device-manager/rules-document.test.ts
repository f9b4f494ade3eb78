import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { compileRules, normalize } from '../../src/device-manager/domain/normalization.ts';
import { faultsIn } from '../../src/device-manager/domain/rule-fault.ts';
import type { HealthDataType } from '../../src/device-manager/domain/rule.ts';

type WireRule = Omit<HealthDataType, 'version' | 'observations'> & { readonly normalizationRules: Pick<HealthDataType, 'observations'> };

const text = readFileSync(new URL('../../docs/rules.md', import.meta.url), 'utf8');
const blocks = (kind: string): unknown[] => [...text.matchAll(new RegExp(`\`\`\`json ${kind}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, json = '']) => JSON.parse(json) as unknown);
const [rules, samples, expected] = [blocks('rule') as WireRule[], blocks('sample') as { unit?: string }[], blocks('observations') as { value: number }[][]];

describe('docs/rules.md', () => {
  test('has a sample and its observations for each rule', () => {
    expect([rules.length, samples.length, expected.length]).toEqual([3, 3, 3]);
  });

  test.each(rules.map((rule, index) => [rule.identifier, rule, index] as const))('%s makes of its sample what the page says', (_identifier, { normalizationRules, ...rest }, index) => {
    const type: HealthDataType = { ...rest, version: 1, ...normalizationRules };
    expect(faultsIn(type)).toEqual([]);
    const outcome = normalize(compileRules([type]), { providerId: type.providerId, dataType: type.dataTypes[0], item: samples[index], unit: samples[index]?.unit, start: '2024-01-01T00:00:00.000Z', end: '2024-01-01T00:00:00.000Z' });
    const observations = 'record' in outcome ? outcome.record.observations : [];
    expect(observations).toEqual((expected[index] ?? []).map((one) => ({ ...one, value: expect.closeTo(one.value, 4) })));
  });
});
