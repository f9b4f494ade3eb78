import { describe, expect, test } from '@jest/globals';
import { slicesAt, withNulls } from '../../src/http/json-nulls.ts';
import { leastProcessorMs } from '../setup/processor-time.ts';

const nulled = (text: string, ...pointers: string[]): string => withNulls(Buffer.from(text), pointers).toString();

describe('withNulls', () => {
  test.each([
    ['an element of an array', '[1.10, {"a":[2,3]} ,4]', ['/1'], '[1.10, null ,4]'],
    ['the first and the last element', '[1,2,3]', ['/2', '/0'], '[null,2,null]'],
    ['an element of a list in an envelope', '{"samples":[{"x":1e2},{"x":-0.0}],"newAnchor":"a"}', ['/samples/0'], '{"samples":[null,{"x":-0.0}],"newAnchor":"a"}'],
    ['one place of two lists', '{"data":{"metrics":[{"data":[1,2]},{"data":[3]}]}}', ['/data/metrics/1/data/0', '/data/metrics/0/data/1'], '{"data":{"metrics":[{"data":[1,null]},{"data":[null]}]}}'],
    ['brackets and quotes in text', String.raw`[{"a":"]}\"[,"},2]`, ['/0'], '[null,2]'],
    ['a key with an escape and a slash', String.raw`{"a/\u0062~":[1],"c":2}`, ['/a~1b~0/0'], String.raw`{"a/\u0062~":[null],"c":2}`],
    ['letters of more than one byte before it', '["日本語","😀",3]', ['/1'], '["日本語",null,3]'],
    ['the whole body', ' [1] ', [''], ' null '],
    ['a value inside one that goes as well', '[{"a":1},2]', ['/0/a', '/0'], '[null,2]'],
    ['nothing at the pointer', '[1,{"a":2}]', ['/7', '/1/b', '/0/a', '/x'], '[1,{"a":2}]'],
    ['nothing asked for', '{"a": [ ] }', [], '{"a": [ ] }'],
    ['empty lists', '{"a": [ ], "b": { } }', ['/a/0', '/b/c'], '{"a": [ ], "b": { } }'],
    ['an element that is null already', '[null,1]', ['/0'], '[null,1]'],
  ])('puts null in place of %s and keeps every other byte', (_, text, pointers, expected) => {
    expect(nulled(text, ...pointers)).toBe(expected);
    expect(nulled(expected, ...pointers)).toBe(expected);
  });

  test('takes less than two seconds of the processor for 50,000 elements', () => {
    const text = `[${Array.from({ length: 50_000 }, (__, i) => `{"id":"${String(i)}","value":60.${String(i)},"metadata":{"a":["b",{"c":"dddddddddddddddd"}]}}`).join(',')}]`;
    const pointers = Array.from({ length: 50_000 }, (__, i) => `/${String(i)}`);
    // Quadratic work takes minutes.
    expect(leastProcessorMs(() => expect(nulled(text, ...pointers)).toBe(`[${pointers.map(() => 'null').join(',')}]`), 1)).toBeLessThan(2000);
  });
});

test('slicesAt finds the bytes of each value', () => {
  const bytes = Buffer.from('{"samples": [ {"v": 1.0} , 2 ]}');
  const found = [...slicesAt(bytes, ['/samples/0', '/samples/1', '/samples/2'])].map(([pointer, { start, end }]) => [pointer, bytes.toString('utf8', start, end)]);
  expect(found).toEqual([['/samples/0', '{"v": 1.0}'], ['/samples/1', '2']]);
});
