import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { hash } from '@node-rs/argon2';
import { dictionary } from '@zxcvbn-ts/language-common';
import fc from 'fast-check';
import { passwordFault } from '../../src/user-manager/domain/password-policy.ts';
import { createPasswords, type Passwords } from '../../src/user-manager/password.ts';
import { startUserManager, type RunningUserManager } from '../user-manager/running-user-manager.ts';
import '../setup/seed.ts';

const owner = { username: 'anna.rossi', email: 'anna@clinic-lugano.example', name: 'Anna Rossi' };
const listed = dictionary['passwords-common'];

describe('new passwords', () => {
  let passwords: Passwords;
  let short: Passwords;
  beforeAll(async () => {
    [passwords, short] = [await createPasswords(), await createPasswords(8)];
  });
  const codeOf = (password: string, judge = passwords) => judge.faultOf(password, owner)?.code;

  test('B3 fifty of the list, and more than three thousand that are long enough to be chosen, are refused with what to do', () => {
    const long = listed.filter((password) => Array.from(password).length >= 8);
    expect(long.length).toBeGreaterThan(3_000);
    for (const password of long.slice(0, 3_000)) expect([password, codeOf(password, short)]).toEqual([password, 'password-too-common']);
    for (const password of listed.filter(({ length }) => length >= 15)) expect([password, codeOf(password)]).toEqual([password, 'password-too-common']);
    expect(passwords.faultOf('polniypizdec0211', owner)?.message).toMatch(/^Choose another password: /);
    // Control: without the list they would pass.
    expect(passwordFault('polniypizdec0211', owner, { minLength: 15, common: new Set() })).toBeUndefined();
  });

  test.each<[string, string]>([
    ['a listed one in capitals', 'QWERTYUIOP12345'], ['a listed one twice', 'passwordpassword'], ['a listed one three times, cut', 'dragondragondrag'], ['a listed one with digits behind', 'iloveyou20242024'],
    ['a listed one with signs around', '!!!football!!!!!'], ['one character', 'zzzzzzzzzzzzzzzz'], ['a short pattern', 'ab1ab1ab1ab1ab1a'], ['counting up', 'abcdefghijklmnop'], ['counting down', 'zyxwvutsrqponmlk'],
    ['the product', 'Vitalgate 2026!!'], ['the product and a listed device', 'vitalgate-medisante'], ['the own user name', 'anna.rossi.anna.rossi'], ['the own address', 'anna@clinic-lugano.example'], ['the own name and a year', 'Rossi Anna 2026 !'],
    ['full-width letters of a listed one', 'ｑｗｅｒｔｙｕｉｏｐ１２３４５'],
  ])('B3 %s is refused', (_kind, password) => {
    expect(codeOf(password)).toBe('password-too-common');
  });

  test.each<[string, string]>([
    ['a few words', 'five oars and a paper boat'], ['words with the own name among them', 'anna keeps five oars in the garden'], ['the product among other words', 'my vitalgate lives in the cellar'],
    ['random text', 'k3Vd9-xQ_72LmPz8'], ['fifteen digits that are no pattern', '839201748291047'], ['letters of no alphabet of ours', 'пять вёсел и лодка из бумаги'],
  ])('B2, B3 %s can be chosen', (_kind, password) => {
    expect(codeOf(password)).toBeUndefined();
  });

  test.each<[string, string, string | undefined]>([
    ['14 characters', 'k3Vd9-xQ_72LmP', 'password-too-short'], ['15 characters', 'k3Vd9-xQ_72LmPz', undefined], ['15 code units that are 8 characters', '\u{1F600}\u{1F601}\u{1F433}\u{1F434}\u{1F680}\u{1F697}\u{1F6B2}a', 'password-too-short'],
    ['15 of which two compose to one', 'e\u03013Vd9-xQ_72LmP', 'password-too-short'],
  ])('B2 a password of %s', (_kind, password, code) => {
    expect(codeOf(password)).toBe(code);
  });

  test('B2 any text of 15 to 128 characters that is no pattern can be used, each character counts, and longer ones are refused, not cut', async () => {
    const text = fc.array(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }), { minLength: 40, maxLength: 60 }).map((parts) => `k3Vd9-xQ_72LmPz8${parts.join('')}`)
      .filter((one) => { const { length } = Array.from(one.normalize('NFC')); return length >= 15 && length <= 127; });
    await fc.assert(fc.asyncProperty(text, async (password) => {
      expect(passwords.faultOf(password, owner)).toBeUndefined();
      const stored = await passwords.hash(password);
      expect(await passwords.check(password.normalize('NFD'), stored)).toEqual({ fits: true });
      expect([(await passwords.check(`${password}x`, stored)).fits, (await passwords.check(password.slice(0, -1), stored)).fits]).toEqual([false, false]);
    }), { numRuns: 8 });
    const long = Array.from({ length: 128 }, (_, index) => String.fromCodePoint(0x4e00 + ((index * 97) % 400))).join('');
    expect([codeOf(long), codeOf(`${long}x`)]).toEqual([undefined, 'password-too-long']);
    expect((await passwords.check(long.slice(0, -1), await passwords.hash(long))).fits).toBe(false);
  }, 60_000);
});

describe('stored passwords', () => {
  let um: RunningUserManager;
  beforeAll(async () => {
    um = await startUserManager();
  }, 60_000);
  afterAll(() => um.stop());
  const stored = async () => (await um.database.pool.query<{ password_hash: string }>(`select password_hash from user_manager.user_account where username = 'emil'`)).rows[0]?.password_hash;

  test('B1 hashes are Argon2id of at least 19 MiB and two passes, carry their parameters, and are renewed at the next sign-in', async () => {
    await um.create('emil');
    expect(await stored()).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    await um.database.pool.query(`update user_manager.user_account set password_hash = $1 where username = 'emil'`, [await hash('correct horse battery staple', { memoryCost: 8_192, timeCost: 1 })]);
    expect((await um.signIn('emil')).status).toBe(200);
    expect(await stored()).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  });

  test.each<[string, string]>([['password-too-short', 'k3Vd9-xQ_72LmP'], ['password-too-common', 'qwertyuiop12345'], ['password-too-common', 'karl-karl@example.org']])('B2, B3 a user is not created with one that is %s', async (code, password) => {
    const answer = await um.send('POST', '/users', { username: 'karl-karl', email: 'karl-karl@example.org', password });
    expect([answer.status, await answer.json()]).toMatchObject([400, { code, errors: [{ pointer: '/password', code, message: expect.stringMatching(/^Choose /) }] }]);
  });
});
