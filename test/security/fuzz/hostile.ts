import fc from 'fast-check';

/** Stands in values that are sent, and must come back in no refusal and in no log. */
export const MARKER = 'kanarienvogel7f3a';

const injections = [
  "' or 1=1 --", "'; select pg_sleep(10); --", '"; drop table users; --', '$1', '{"$gt":""}', '{"$where":"sleep(9000)"}', '{{7*7}}', '${7*7}', '<%= 7*7 %>',
  '#{7*7}', '*)(uid=*))(|(uid=*', '../../../../etc/passwd', '..%2f..%2fetc%2fpasswd', 'file:///etc/passwd', 'http://127.0.0.1:9/', '<script>alert(1)</script>',
  '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>', '%s%n%x', '; id', '`id`', '| id', '\\', '\\u0000', '%00', '%ff', '=cmd()', '@SUM(1)',
];
const keys = ['__proto__', 'constructor', 'prototype', 'toString', 'valueOf', 'hasOwnProperty', 'length', '$ref', '$where', '_id', 'then', 'toJSON'];
const characters = [
  '\u0000', '\ud800', '\udfff\ud800', '\u202Eright', '\u200b', '\ufeff', '\u3164', '\u00a0', 'a\r\nX-Injected: 1', 'a\nb', '\u001b[31m', 'ａｄｍｉｎ', 'аdmin', 'ı', 'ß', '\u{1f468}\u200d\u{1f469}\u200d\u{1f467}',
  `z${'\u0300'.repeat(50)}`, '\uffff', '\u{10ffff}', '\t', ' ', '', `x@${'y'.repeat(300)}.org`,
];
const numbers = ['0', '-0', '-1', '1e400', '-1e400', '9007199254740993', '9223372036854775808', '0x10', 'NaN', 'Infinity', '1e-400', '00', '1_000'];
const dates = [
  '0000-01-01T00:00:00Z', '9999-12-31T23:59:60Z', '2024-02-30T00:00:00Z', '2024-07-01', '2024-07-01T00:00:00', '2024-07-01T00:00:00+23:59', '2024-07-01T00:00:00-24:00', '999999-01-01T00:00:00Z',
  '-000001-01-01T00:00:00Z', '2024-07-01T24:00:00Z', '2024-07-01T00:00:00.123456789Z', '1e3', '0', '253402300800000',
];

/** Texts that break naive programs, by the catalogues of fuzzers: injections, names of JavaScript, odd characters, numbers and dates as text. */
export const hostileText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...injections, ...keys, ...characters, ...numbers, ...dates),
  fc.constant(MARKER),
  fc.constantFrom(256, 1025, 10_001).map((length) => 'x'.repeat(length)),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.string({ maxLength: 20 }).map((text) => `${MARKER}${text}`),
);

/** Names of members: those that JavaScript and databases know, those that grant something, and any. */
export const hostileKey: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...keys, 'role', 'roles', 'isAdmin', 'patientId', 'userId', 'verified', 'userGroup', 'blocked', 'assignedPatientId', '', 'a.b', 'a/b', '~', '$set', '\u0000', '\ud800'),
  fc.string({ maxLength: 8 }),
);

const deep = (depth: number): unknown => {
  let value: unknown = 1;
  for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? [value] : { a: value };
  return value;
};

/** Any value where another was expected. */
export const hostileValue: fc.Arbitrary<unknown> = fc.oneof(
  hostileText,
  fc.constantFrom<unknown>(null, true, false, 0, -1, 1.5, -0, 1e308, 2 ** 53, 5e-324, [], {}, [[]], [null], { $gt: '' }, { toString: 1 }),
  fc.constantFrom(20, 31, 33, 40).map(deep),
  fc.constantFrom(50, 600).map((length) => Array.from({ length }, (_, index) => index)),
  fc.constant(Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`k${String(index)}`, index]))),
  fc.jsonValue({ maxDepth: 3 }),
);
