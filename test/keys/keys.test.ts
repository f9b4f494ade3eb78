import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate } from '../../src/database/migrator.ts';
import { open, seal } from '../../src/keys/cipher.ts';
import { contentMac, sampleId } from '../../src/keys/identity.ts';
import { loadMasterKey } from '../../src/keys/master-key.ts';
import { keySchema, migrations } from '../../src/keys/migrations.ts';
import { createKeyRing } from '../../src/keys/scope-keys.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';

describe('sealed bytes', () => {
  const key = randomBytes(32);
  const sealed = seal(key, Buffer.from('131/76'), 'row 1');

  test('open with the same key at the same place', () => {
    expect(open(key, sealed, 'row 1').toString()).toBe('131/76');
  });

  test('never look the same twice', () => {
    expect(seal(key, Buffer.from('131/76'), 'row 1')).not.toEqual(sealed);
  });

  test('do not open when any one byte is changed', () => {
    for (let index = 0; index < sealed.length; index += 1) {
      const changed = Buffer.from(sealed);
      changed.writeUInt8((changed.readUInt8(index) ^ 1) & 0xff, index);
      expect(() => open(key, changed, 'row 1')).toThrow('does not open');
    }
  });

  test.each([
    ['at another place', () => open(key, sealed, 'row 2')],
    ['with another key', () => open(randomBytes(32), sealed, 'row 1')],
    ['when cut short', () => open(key, sealed.subarray(0, 20), 'row 1')],
  ])('do not open %s', (_situation, attempt) => {
    expect(attempt).toThrow('does not open');
  });
});

describe('identifiers', () => {
  const key = randomBytes(32);
  test('are the same for the same parts, and differ when parts are cut differently', () => {
    expect(sampleId(key, ['healthkit', 'a'])).toBe(sampleId(key, ['healthkit', 'a']));
    expect(sampleId(key, ['healthkit', 'a'])).toMatch(/^[0-9a-f]{32}$/);
    expect(sampleId(key, ['ab', 'c'])).not.toBe(sampleId(key, ['a', 'bc']));
    expect(contentMac(key, ['120', '80'])).not.toEqual(contentMac(randomBytes(32), ['120', '80']));
  });
});

describe('keys of patients', () => {
  let database: TestDatabase;
  const masterKey = randomBytes(32);
  beforeAll(async () => {
    database = await createTestDatabase();
    await migrate(database.pool, keySchema, migrations);
  });
  afterAll(() => database.drop());

  test('are made once, also when twenty ask at once', async () => {
    const ring = createKeyRing({ masterKey });
    const all = await Promise.all(Array.from({ length: 20 }, () => ring.keysOf(database.pool, 'patient:anna')));
    expect(new Set(all.map(({ dataKey }) => dataKey.toString('hex'))).size).toBe(1);
    expect((await ring.keysOf(database.pool, 'patient:ben')).dataKey).not.toEqual(all[0]?.dataKey);
  });

  test('do not open under another master key, and the reason is clear', async () => {
    await createKeyRing({ masterKey }).check(database.pool);
    await expect(createKeyRing({ masterKey: randomBytes(32) }).check(database.pool)).rejects.toThrow('The master key is not the one');
  });

  test('that were discarded are never handed out again', async () => {
    const ring = createKeyRing({ masterKey });
    const before = await ring.keysOf(database.pool, 'patient:carla');
    await ring.discard(database.pool, 'patient:carla');
    expect((await ring.keysOf(database.pool, 'patient:carla')).dataKey).not.toEqual(before.dataKey);
  });
});

describe('the master key', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'vitalgate-key-'));
  afterAll(() => rmSync(dataDir, { recursive: true }));

  test('is made once in a file only its owner can read', () => {
    const first = loadMasterKey({ dataDir });
    expect(loadMasterKey({ dataDir })).toEqual(first);
    expect(statSync(join(dataDir, 'master-key')).mode & 0o777).toBe(0o600);
  });

  test.each([['hex', 'ab'.repeat(32)], ['base64', randomBytes(32).toString('base64')]])('is taken from the setting in %s', (_form, text) => {
    expect(loadMasterKey({ masterKey: text, dataDir })).toHaveLength(32);
  });

  test('of another size is refused', () => {
    expect(() => loadMasterKey({ masterKey: 'abcd', dataDir })).toThrow('not 32 bytes');
  });
});
