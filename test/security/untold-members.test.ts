import { expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { builtInTypes } from '../../src/device-manager/catalogue/built-in-types.ts';
import { compileRules, normalize } from '../../src/device-manager/domain/normalization.ts';
import { fhirFormat, medisanteFormat } from '../../src/device-manager/provider.ts';
import { takeApart } from '../../src/device-manager/providers/taking-apart.ts';
import { measuresOf } from '../../src/healthkit/measures/measures-of.ts';
import { healthKitFormats, itemsIn } from '../../src/healthkit/shapes/formats.ts';
import { membersOf } from '../../src/healthkit/shapes/shape.ts';
import { vetItem } from '../../src/healthkit/vetting.ts';

const folder = join(import.meta.dirname, '../fixtures');
/** Fixtures that are no JSON are broken on purpose. */
const parsed = (text: string): unknown[] => {
  try {
    return [JSON.parse(text) as unknown];
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
};
const bodiesIn = (pattern: RegExp): unknown[] =>
  readdirSync(folder, { recursive: true }).map(String).filter((name) => pattern.test(name)).map((name) => readFileSync(join(folder, name), 'utf8')).filter((text) => text.length < 30_000).flatMap(parsed);

/** JSON has members of any name: whoever makes a text or a number of such an object finds nothing to call. */
const untold = { toString: [], valueOf: [] };

/** A value with one of its members replaced, for each of them at every depth. */
function* withUntold(value: unknown): Generator {
  yield untold;
  yield [untold];
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    for (const replaced of withUntold(inner)) yield Array.isArray(value) ? value.with(Number(key), replaced) : { ...value, [key]: replaced };
  }
}

const rules = compileRules(builtInTypes);
const vetted = (item: unknown) => vetItem({ item, index: 0, batch: {}, enrolled: [{ _id: 'd', deviceId: 'watch' }], patientId: 'p', now: Date.parse('2026-01-01T00:00:00Z'), checkShape: () => null });

/** One item as an upload and the job of normalization take it. */
const through = (item: unknown): unknown => {
  const found = vetted(item);
  if ('code' in found) return found.code;
  const measures = measuresOf(membersOf(item), found.type ?? null, 60);
  return normalize(rules, { providerId: 'healthkit', dataType: found.type, item: measures ? { ...membersOf(item), measures } : item, unit: found.unit, start: found.start.iso, end: found.end.iso });
};

const healthKit = bodiesIn(/healthkit\/(react-native-health|kingstinct|capacitor|flutter-health|health-auto-export)\/.*\.json$/);

test.each(healthKitFormats)('a member of any name and kind is taken or refused, never fallen over: %s', (format) => {
  let reached = 0;
  for (const body of healthKit.flatMap((one) => [...withUntold(one)])) {
    const found = itemsIn(format, body, 5000);
    if (typeof found !== 'object' || !('items' in found)) continue;
    for (const { item } of found.items) {
      through(item);
      reached += 1;
    }
  }
  expect(reached).toBeGreaterThan(500);
});

test.each([
  ['Medisanté', medisanteFormat, bodiesIn(/medisante\/(captured|synthetic|sister-telli)\/.*\.json$/)],
  ['FHIR', fhirFormat, bodiesIn(/fhir\/.*\.json$/)],
] as const)('a member of any name and kind is taken or refused, never fallen over: %s', (_name, format, bodies) => {
  const varied = bodies.flatMap((one) => [...withUntold(one)]);
  expect(varied.length).toBeGreaterThan(100);
  for (const body of varied) {
    for (const { document, measurementType } of takeApart(format, body).readings) {
      normalize(rules, { providerId: 'medisante', dataType: measurementType, item: document, start: '2024-07-01T10:00:00.000Z', end: '2024-07-01T10:00:00.000Z' });
    }
  }
});
