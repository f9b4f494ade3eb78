import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Pool } from '../../src/database/pool.ts';
import { postgresPattern } from '../../src/query/postgres-pattern.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';
import '../setup/seed.ts';

const raw = String.raw;
const texts = [
  '', 'a', 'A', 'ab', 'a b', 'a-b', 'a.b', 'ab\nc', 'a\u2028b', '\b', '\t', ' ', '\u00a0', '\ufeff', 'é', 'Straße', 'ab12', '12', '٣', '_', 'a_b', '😀', '😀b', 'K', 'HKQuantityTypeIdentifierBodyMass', 'Maker:Cuff:1', '[a]', 'a]', '^', '\\', '-', 'b-', 'c:d', 'aaa', 'aab',
];

/** Which of the texts PostgreSQL matches, in this case or in any. */
const matched = async (pool: Pool, pattern: string, isAnyCase: boolean): Promise<string[]> =>
  (await pool.query<{ text: string }>(`select text from unnest($1::text[]) with ordinality as t(text, position) where text ${isAnyCase ? '~*' : '~'} $2::text order by position`, [texts, pattern])).rows.map(({ text }) => text);

describe('a pattern of JavaScript in PostgreSQL', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  const expectSame = async (pattern: string): Promise<void> => {
    for (const [flags, isAnyCase] of [['u', false], ['iu', true]] as const) {
      const translated = postgresPattern(pattern, isAnyCase);
      if (translated === undefined) throw new Error(`no translation of ${pattern}`);
      expect([pattern, flags, await matched(database.pool, translated, isAnyCase)]).toEqual([pattern, flags, texts.filter((text) => new RegExp(pattern, flags).test(text))]);
    }
  };

  test.each<[string, readonly string[]]>([
    ['the edge of a word, and no edge', [raw`\ba`, raw`b\b`, raw`\Bb`, raw`a\B`, raw`\b`, raw`\B`, raw`[\b]`]],
    ['digits, words and blanks, of ASCII or of Unicode as JavaScript has it', [raw`\d`, raw`\D`, raw`\w`, raw`\W`, raw`\s`, raw`\S`, raw`^\w+$`, raw`^\s$`]],
    ['the same in brackets', [raw`[\d]`, raw`[^\d]`, raw`[\D]`, raw`[\w-]`, raw`[^\W]`, raw`[\s\S]`, raw`[^\s\S]`, raw`[^\S]`, raw`[\s_]`]],
    ['any character but the end of a line', ['a.b', '^.$', 'a[^x]b']],
    ['brackets with what PostgreSQL takes for more', ['[[]', '[[:]', '[[.]', '[[=]', '[a^]', '[-a]', '[a-]', '[a-c-]', raw`[\]]`, raw`[\\]`, raw`[\^]`, raw`[+--]`, '[A-Z]', '[^A-Z]']],
    ['characters by number', [raw`\x61`, raw`\x61b`, raw`\u0061`, raw`\u{61}`, raw`\u{1F600}`, raw`\uD83D\uDE00b`, raw`[\u{1F600}\x61]`, raw`\cJ`, raw`\t`, raw`[\t\n]`, raw`[\x5b-\x5d]`]],
    ['looking ahead and back', ['a(?=b)', 'a(?!b)', '(?<=a)b', '(?<!a)b', '(?<=^|[ -])b']],
    ['groups, choices and repetitions', ['(a|b)+', '(?:a|b){2}', '^(a|)$', '^a{1,3}?$', 'a{2,}', '()', '(?:)', '', 'a|', '^a*?b$', '(a*)*b']],
    ['what means itself', [raw`\.`, raw`a\.b`, raw`\/|:`, raw`\[a\]`, raw`\^`, raw`\\`, 'é', 'ß', '😀', ':', '-', ' ']],
  ])('matches the same texts: %s', async (_situation, patterns) => {
    for (const pattern of patterns) await expectSame(pattern);
  });

  test('matches the same texts, whatever is put together', async () => {
    const piece = fc.constantFrom('a', 'b', '.', raw`\b`, raw`\B`, raw`\w`, raw`\S`, raw`[^\d]`, '[a-c]', raw`[\W_]`, raw`\x61`, '(?=a)', '(?<!b)', '^', '$', 'a*', '(?:a|-)', raw`\s?`);
    await fc.assert(fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 6 }), (pieces) => expectSame(pieces.join(''))), { numRuns: 100 });
  });

  test.each([raw`(a)\1`, raw`\1(a)`, '(?<name>a)', raw`(?<name>a)\k<name>`, raw`\p{L}`, raw`[\p{L}]`, raw`\P{L}`, '(?i:a)', '[]', '[^]', raw`\0`, raw`[\0]`, raw`\uD83D`, raw`\A`, raw`\Z`, raw`\y`, '(?i)a', '(', '[b-a]', '***:a', '***=a', '[[:alpha:]]'])(
    'refuses what it cannot say, or what is no pattern: %s', (pattern) => {
      expect([postgresPattern(pattern, false), postgresPattern(pattern, true)]).toEqual([undefined, undefined]);
    });
});
