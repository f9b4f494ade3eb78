import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { JsonFault, readJson } from '../../src/http/json-gate.ts';
import { leastProcessorMs } from '../setup/processor-time.ts';
import '../setup/seed.ts';

const limits = { maxItems: 1000 };
const gate = (text: string, most = limits) => readJson(Buffer.from(text), most);

function faultOf(bytes: Buffer | string, most = limits): string {
  try {
    readJson(Buffer.from(bytes as string), most);
  } catch (error) {
    if (error instanceof JsonFault) return `${error.code} ${error.pointer}`;
    throw error;
  }
  return 'accepted';
}

const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);

describe('refused bodies', () => {
  test.each<[string, Buffer | string, string]>([
    ['nothing', '', 'malformed-json '],
    ['white space only', ' \n', 'malformed-json '],
    ['a truncated array', '[{"a":1},{"b":', 'malformed-json /1/b'],
    ['a truncated string', '["abc', 'malformed-json /0'],
    ['a truncated escape', '["\\u00', 'malformed-json /0'],
    ['NaN', '[{"value":NaN}]', 'malformed-json /0/value'],
    ['Infinity', '[Infinity]', 'malformed-json /0'],
    ['a trailing comma in an array', '[1,]', 'malformed-json /1'],
    ['a trailing comma in an object', '{"a":1,}', 'malformed-json /a'],
    ['a missing comma', '[1 2]', 'malformed-json /0'],
    ['a missing colon', '{"a" 1}', 'malformed-json /a'],
    ['a key without quotes', '{a:1}', 'malformed-json '],
    ['the wrong closing bracket', '{"a":[1}', 'malformed-json /a'],
    ['text behind the value', '{} x', 'malformed-json '],
    ['two values', '[][]', 'malformed-json '],
    ['a raw control character', '["a\nb"]', 'malformed-json /0'],
    ['a raw NUL', '["a\0b"]', 'malformed-json /0'],
    ['an unknown escape', '["\\x41"]', 'malformed-json /0'],
    ['a leading zero', '[01]', 'malformed-json /0'],
    ['a bare minus', '[-]', 'malformed-json /0'],
    ['a number without fraction', '[1.]', 'malformed-json /0'],
    ['a number without exponent', '[1e+]', 'malformed-json /0'],
    ['a plus sign', '[+1]', 'malformed-json /0'],
    ['a misspelt literal', '[nul]', 'malformed-json /0'],
    ['a comment', '[/**/]', 'malformed-json /0'],
    ['single quotes', "['a']", 'malformed-json /0'],
    ['a no-break space between tokens', '[\u00a01]', 'malformed-json /0'],
    ['a byte order mark', '\uFEFF[]', 'not-utf8 '],
    ['UTF-16', Buffer.from('\uFEFF[]', 'utf16le'), 'not-utf8 '],
    ['an overlong slash', Buffer.from([0x5b, 0x22, 0xc0, 0xaf, 0x22, 0x5d]), 'not-utf8 '],
    ['a surrogate in UTF-8', Buffer.from([0x5b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x5d]), 'not-utf8 '],
    ['a cut UTF-8 sequence', Buffer.from([0x5b, 0x22, 0xe2, 0x82, 0x22, 0x5d]), 'not-utf8 '],
    ['a key twice', '[{"a":1,"b":2,"a":3}]', 'duplicate-key /0/a'],
    ['a key twice, with one of the same length and ends between', '{"axb":1,"ayb":2,"axb":3}', 'duplicate-key /axb'],
    ['keys of the same length and ends', '[{"axb":1,"ayb":2},{"ayb":1,"axb":2,"ayb":3}]', 'duplicate-key /1/ayb'],
    ['a key twice, once escaped', '{"a":1,"\\u0061":2}', 'duplicate-key /a'],
    ['a key twice with the same value', '{"a":1,"a":1}', 'duplicate-key /a'],
    ['__proto__', '[{"m":{"__proto__":{"x":1}}}]', 'forbidden-key /0/m/__proto__'],
    ['__proto__ in escapes', '{"\\u005f_proto__":1}', 'forbidden-key /__proto__'],
    ['100,000 open brackets', '['.repeat(100_000), `too-deep ${'/0'.repeat(32)}`],
    ['33 levels', nested(33), `too-deep ${'/0'.repeat(32)}`],
    ['deep objects', '{"a":'.repeat(50_000), `too-deep ${'/a'.repeat(32)}`],
    ['one item too many', `[${'0,'.repeat(1000)}0]`, 'too-many-items /1000'],
    ['too many items before a fault of grammar', `[${'0,'.repeat(1000)}`, 'too-many-items /1000'],
    ['NUL in a body that is no array', '{"a":{"b":"x\\u0000"}}', 'invalid-text /a/b'],
    ['NUL in a key of a body that is no array', '{"a":{"\\u0000":1}}', 'invalid-text /a'],
    ['half a surrogate pair in a body that is no array', '"\\ud83d"', 'invalid-text '],
    ['a key with slash and tilde', '{"a/b~c":[1,{}', 'malformed-json /a~1b~0c/1'],
    ['a very long key', `{"${'k'.repeat(1000)}":?}`, `malformed-json /${'k'.repeat(64)}`],
  ])('%s', (_situation, bytes, expected) => {
    expect(faultOf(bytes)).toBe(expected);
  });
});

describe('accepted bodies', () => {
  test.each([
    ['32 levels', nested(32)],
    ['as many items as allowed', `[${'0,'.repeat(999)}0]`],
    ['a number too large for a double, which the vetting judges', '[1e400]'],
    ['a number of 100,000 digits', `[${'9'.repeat(100_000)}]`],
    ['negative zero and exponents', '[-0, 1E-7, 2e+3, 0.5]'],
    ['every short escape', '["\\"\\\\\\/\\b\\f\\n\\r\\t"]'],
    ['a proper surrogate pair in escapes', '["\\ud83d\\ude00"]'],
    ['raw text of four bytes a character', '["😀 €"]'],
    ['keys named like built-in properties', '{"constructor":1,"prototype":2,"toString":3,"hasOwnProperty":4}'],
    ['white space everywhere', ' [ 1 ,\t{ "a" : [ ] } ]\r\n'],
    ['a scalar', 'true'],
    ['an escaped NUL outside of the escape', '["\\\\u0000"]'],
  ])('%s', (_situation, text) => {
    expect(gate(text).value).toEqual(JSON.parse(text));
  });

  test('the gate leaves the prototype of objects alone', () => {
    expect(faultOf('{"__proto__":{"polluted":1}}')).toMatch(/^forbidden-key/);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

describe('items of an array', () => {
  test.each([
    ['NUL in a value', '[{"a":"ok"},{"m":{"k":["x\\u0000"]}},{"b":1}]', [undefined, '/1/m/k/0', undefined]],
    ['NUL in a key', '[{"m":{"\\u0000":1}}]', ['/0/m']],
    ['a high surrogate alone', '["\\ud83d"]', ['/0']],
    ['a low surrogate alone', '["\\ude00"]', ['/0']],
    ['two high surrogates', '["\\ud83d\\ud83d"]', ['/0']],
    ['a high surrogate before raw text', '["\\ud83d😀"]', ['/0']],
    ['two faults in one item: the first', '[["\\u0000","\\u0000"]]', ['/0/0']],
    ['an upper-case escape', '["\\uD83D", 1]', ['/0', undefined]],
    ['a key with NUL on the way: it is not repeated', '[{"a\\u0000b":{"c":"\\ud800"}}]', ['/0']],
  ])('%s is the fault of its item', (_situation, text, pointers) => {
    const items = gate(text).items ?? [];
    expect(items.map((item) => item.fault?.pointer)).toEqual(pointers);
  });

  test('an empty array has no items, an object none at all', () => {
    expect(gate('[ ]').items).toEqual([]);
    expect(gate('{"a":[1]}').items).toBeUndefined();
  });

  test('accepted slices put together are the array of the accepted items', () => {
    const bytes = Buffer.from(' [ {"a" : "é"} , 2 ,\n"😀", [ ] ] ');
    const { items = [] } = readJson(bytes, limits);
    const kept = [items[0], items[2], items[3]].flatMap((item) => (item ? [bytes.subarray(item.start, item.end)] : []));
    expect(kept.map(String)).toEqual(['{"a" : "é"}', '"😀"', '[ ]']);
  });
});

/** Strings near JSON: valid documents with a byte changed, cut or added. */
const nearJson = fc
  .tuple(fc.json({ maxDepth: 6, stringUnit: 'binary' }), fc.nat(), fc.constantFrom('', ',', '"', '\\', '0', '}', ']', 'e', '\\u0000', ' '), fc.nat(2))
  .map(([text, place, added, cut]) => {
    const at = place % (text.length + 1);
    return text.slice(0, at) + added + text.slice(at + cut);
  });

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe('for any input', () => {
  const runs = { numRuns: 2000 };

  test('grammar: exactly what JSON.parse accepts, except for what is refused on purpose', () => {
    fc.assert(
      fc.property(nearJson, (text) => {
        const sent = text.toWellFormed();
        const [code] = faultOf(sent, { maxItems: 100_000 }).split(' ');
        if (code === 'accepted') return parses(sent);
        return code === 'malformed-json' ? !parses(sent) : true;
      }),
      runs,
    );
  });

  test('a document without refusals is read as JSON.parse reads it, and its slices are its items', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue({ maxDepth: 5 }), { maxLength: 20 }), fc.boolean(), (items, indented) => {
        fc.pre(!JSON.stringify(items).includes('__proto__') && !/\\u/.test(JSON.stringify(items)));
        const bytes = Buffer.from(JSON.stringify(items, null, indented ? 2 : 0));
        const read = readJson(bytes, limits);
        expect(read.value).toEqual(JSON.parse(bytes.toString()));
        const slices = (read.items ?? []).map(({ start, end }) => bytes.toString('utf8', start, end));
        expect(slices.map((slice) => JSON.parse(slice) as unknown)).toEqual(read.value);
        expect(JSON.parse(`[${slices.join(',')}]`)).toEqual(read.value);
      }),
      { numRuns: 500 },
    );
  });

  test('bytes of any kind: never anything but a JsonFault', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        faultOf(Buffer.from(bytes));
      }),
      runs,
    );
  });

  test('bytes from the alphabet of JSON: never anything but a JsonFault, and right about grammar', () => {
    const alphabet = fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '"a"', '\\', 'u0000', '1', '-', '.', 'e', 'true', 'null', ' ');
    fc.assert(
      fc.property(fc.array(alphabet, { maxLength: 14 }), (parts) => {
        const text = parts.join('');
        const [code] = faultOf(text).split(' ');
        return code === 'accepted' ? parses(text) : code !== 'malformed-json' || !parses(text);
      }),
      { numRuns: 5000 },
    );
  });

  test('time grows with the length, not faster', () => {
    const milliseconds = (bytes: Buffer): number => leastProcessorMs(() => void readJson(bytes, { maxItems: 1_000_000 }));
    const shapes = [
      (n: number) => `[${'{"a":"\\u00e9","b":[1,2,3]},'.repeat(n)}0]`,
      (n: number) => `{${Array.from({ length: n }, (_, i) => `"${i * 65536}":0`).join(',')}}`,
      (n: number) => `"${'\\ud83d\\ude00'.repeat(n)}"`,
    ];
    for (const shape of shapes) {
      milliseconds(Buffer.from(shape(5_000)));
      const short = milliseconds(Buffer.from(shape(10_000)));
      const long = milliseconds(Buffer.from(shape(80_000)));
      expect(long).toBeLessThan(Math.max(short, 2) * 8 * 6);
    }
  });
});
