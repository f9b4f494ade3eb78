import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate } from '../../src/database/migrator.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import { generationOf, open, openUnder, seal, sealUnder } from '../../src/keys/cipher.ts';
import { contentMac, sampleId } from '../../src/keys/identity.ts';
import { openKeys } from '../../src/keys/master-key-check.ts';
import { rotateMasterKey, wrappedByMasterKey } from '../../src/keys/master-key-rotation.ts';
import { loadMasterKeys, type MasterKeySettings } from '../../src/keys/master-key-source.ts';
import { masterKeyOf } from '../../src/keys/master-key.ts';
import { retireGenerations } from '../../src/keys/data-key-rotation.ts';
import { keySchema, migrations } from '../../src/keys/migrations.ts';
import { noteMasterKey } from '../../src/keys/scope-key-table.ts';
import { createKeyRing, type KeyRing, type Scope } from '../../src/keys/scope-keys.ts';
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

  test('name their generation, which is sealed, too', () => {
    const under = sealUnder(70_000, key, Buffer.from('131/76'), 'row 1');
    expect([generationOf(under), openUnder(key, under, 'row 1').toString(), openUnder(key, sealed, 'row 1').toString()]).toEqual([70_000, '131/76', '131/76']);
    for (let index = 0; index < under.length; index += 1) {
      const changed = Buffer.from(under);
      changed.writeUInt8((changed.readUInt8(index) ^ 1) & 0xff, index);
      expect(() => openUnder(key, changed, 'row 1')).toThrow('does not open');
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

  const sealedBy = async (ring: KeyRing, scope: Scope, text: string) => (await ring.keysOf(database.pool, scope)).dataKey.seal(Buffer.from(text), 'row 1');
  const openedBy = async (ring: KeyRing, scope: Scope, sealed: Buffer) => (await (await ring.keysOf(database.pool, scope)).dataKey.open(sealed, 'row 1')).toString();

  test('are made once, also when twenty ask at once', async () => {
    const ring = createKeyRing({ masterKey });
    const all = await Promise.all(Array.from({ length: 20 }, () => ring.keysOf(database.pool, 'patient:anna')));
    expect(new Set(all.map(({ identityKey }) => identityKey.toString('hex'))).size).toBe(1);
    const sealed = all[0]?.dataKey.seal(Buffer.from('131/76'), 'row 1') ?? Buffer.alloc(0);
    for (const { dataKey } of all) expect((await dataKey.open(sealed, 'row 1')).toString()).toBe('131/76');
    await expect(openedBy(ring, 'patient:ben', sealed)).rejects.toThrow('does not open');
  });

  test('that were discarded are never handed out again', async () => {
    const ring = createKeyRing({ masterKey });
    const sealed = await sealedBy(ring, 'patient:carla', '131/76');
    expect(await openedBy(ring, 'patient:carla', sealed)).toBe('131/76');
    await ring.discard(database.pool, 'patient:carla');
    await expect(openedBy(ring, 'patient:carla', sealed)).rejects.toThrow('does not open');
  });

  test('open what was sealed under an older generation, and under one that was made meanwhile', async () => {
    const ring = createKeyRing({ masterKey });
    const [before, old] = [await ring.keysOf(database.pool, 'patient:dora'), await sealedBy(ring, 'patient:dora', 'old')];
    await ring.renew(database.pool, 'patient:dora');
    const young = await sealedBy(ring, 'patient:dora', 'young');
    expect(await openedBy(ring, 'patient:dora', old)).toBe('old');
    expect((await before.dataKey.open(young, 'row 1')).toString()).toBe('young');
    expect([old, young].map(generationOf)).toEqual([1, 2]);
  });

  test('open what was sealed before there were generations', async () => {
    const ring = createKeyRing({ masterKey });
    const dataKey = randomBytes(32);
    await database.pool.query('insert into device_manager_keys.scope_key (scope, identity_key) values ($1, $2)', ['patient:emil', seal(masterKey, randomBytes(32), 'scope_key:patient:emil:identity')]);
    await database.pool.query('insert into device_manager_keys.data_key (scope, generation, wrapped_key) values ($1, 1, $2)', ['patient:emil', seal(masterKey, dataKey, 'scope_key:patient:emil:data')]);
    expect(await openedBy(ring, 'patient:emil', seal(dataKey, Buffer.from('very old'), 'row 1'))).toBe('very old');
  });

  test('are held while a transaction may write with them, and no longer', async () => {
    const ring = createKeyRing({ masterKey });
    await ring.keysOf(database.pool, 'patient:fritz');
    await ring.renew(database.pool, 'patient:fritz');
    await ring.renew(database.pool, 'patient:fritz');
    const renewed = { scope: 'patient:fritz', patientId: 'fritz', generation: 3 } as const;
    const writer = await database.pool.connect();
    await writer.query('begin');
    await writer.query(`select from device_manager_keys.data_key where scope = 'patient:fritz' and generation = 1 for key share`);
    // What the writer wrote is looked for only when it has committed: before, it could be overlooked.
    const askedAfterCommit: boolean[] = [];
    let isCommitted = false;
    const retired = retireGenerations(database.pool, renewed, () => {
      askedAfterCommit.push(isCommitted);
      return Promise.resolve(false);
    });
    expect(await Promise.race([retired, sleep(200, 'waits')])).toBe('waits');
    isCommitted = true;
    await writer.query('commit');
    writer.release();
    expect([await retired, askedAfterCommit]).toEqual([true, [true]]);
    expect((await ring.keysOf(database.pool, 'patient:fritz')).dataKey.generation).toBe(3);
  });
});

describe('the master key of a database', () => {
  let database: TestDatabase;
  const hex = () => randomBytes(32).toString('hex');
  const [first, second] = [hex(), hex()];
  const DATA_DIR = mkdtempSync(join(tmpdir(), 'vitalgate-no-key-'));
  beforeAll(async () => {
    database = await createTestDatabase();
    await migrate(database.pool, keySchema, migrations);
    const { keyRing } = await openKeys(database.pool, { DATA_DIR, MASTER_KEY: first });
    for (let index = 0; index < 450; index += 1) await keyRing.keysOf(database.pool, `patient:p${String(index)}`);
    await keyRing.renew(database.pool, 'patient:p7');
  });
  afterAll(async () => {
    await database.drop();
    rmSync(DATA_DIR, { recursive: true });
  });

  test.each<[string, MasterKeySettings, RegExp]>([
    ['another one', { DATA_DIR, MASTER_KEY: second }, /The master key is not the one this database was used with: keys are wrapped by [0-9a-f]{16}/],
    ['none at all', { DATA_DIR }, /The master key is missing/],
    ['one that is too short', { DATA_DIR, MASTER_KEY: 'abcd' }, /MASTER_KEY is not 32 bytes/],
    ['a sample', { DATA_DIR, MASTER_KEY: '00'.repeat(32) }, /MASTER_KEY is a sample/],
  ])('does not open with %s, and the reason is clear', async (_situation, settings, reason) => {
    await expect(openKeys(database.pool, settings)).rejects.toThrow(reason);
    expect(existsSync(join(DATA_DIR, 'master-key'))).toBe(false);
  });

  test('opens with the right one, also as the previous one', async () => {
    expect((await openKeys(database.pool, { DATA_DIR, MASTER_KEY: first })).masterKeys.previous).toBeUndefined();
    expect((await openKeys(database.pool, { DATA_DIR, MASTER_KEY: second, MASTER_KEY_PREVIOUS: first })).masterKeys.previous?.id).toBe(masterKeyOf(Buffer.from(first, 'hex')).id);
  });

  test('is named where keys were wrapped before master keys had names', async () => {
    await database.pool.query('update device_manager_keys.scope_key set master_key_id = null');
    await database.pool.query('update device_manager_keys.data_key set master_key_id = null');
    await expect(openKeys(database.pool, { DATA_DIR, MASTER_KEY: second })).rejects.toThrow('not the one');
    await openKeys(database.pool, { DATA_DIR, MASTER_KEY: first });
    expect(await wrappedByMasterKey(database.pool)).toEqual([{ id: masterKeyOf(Buffer.from(first, 'hex')).id, keys: 903 }]);
  });

  test('is changed for every key: the new one alone opens them all, the old one none', async () => {
    const { masterKeys, keyRing } = await openKeys(database.pool, { DATA_DIR, MASTER_KEY: second, MASTER_KEY_PREVIOUS: first });
    const sealed = (await keyRing.keysOf(database.pool, 'patient:p7')).dataKey.seal(Buffer.from('131/76'), 'row 1');
    await keyRing.keysOf(database.pool, 'patient:new');
    expect(await rotateMasterKey(database.pool, masterKeys, () => undefined)).toBe(903);
    expect(await rotateMasterKey(database.pool, masterKeys, () => undefined)).toBe(0);
    await expect(openKeys(database.pool, { DATA_DIR, MASTER_KEY: first })).rejects.toThrow('not the one');
    const opened = await openKeys(database.pool, { DATA_DIR, MASTER_KEY: second });
    expect((await (await opened.keyRing.keysOf(database.pool, 'patient:p7')).dataKey.open(sealed, 'row 1')).toString()).toBe('131/76');
    for (let index = 0; index < 450; index += 1) await opened.keyRing.keysOf(database.pool, `patient:p${String(index)}`);
  });

  test('leaves keys that were changed as they are, and says so', async () => {
    const third = hex();
    await database.pool.query(`update device_manager_keys.data_key set wrapped_key = set_byte(wrapped_key, 40, get_byte(wrapped_key, 40) # 1) where scope = 'patient:p9'`);
    const { masterKeys } = await openKeys(database.pool, { DATA_DIR, MASTER_KEY: third, MASTER_KEY_PREVIOUS: second });
    await noteMasterKey(database.pool, masterKeys.current.id);
    await expect(rotateMasterKey(database.pool, masterKeys, () => undefined)).rejects.toThrow('The keys of 1 patients or deliveries do not open');
    expect((await wrappedByMasterKey(database.pool)).map(({ keys }) => keys)).toEqual([1, 904]);
  });
});

describe('the master key', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'vitalgate-key-'));
  const settings = { DATA_DIR: dataDir };
  const key = randomBytes(32);
  const file = join(dataDir, 'a-key');
  const failing = join(dataDir, 'failing');
  beforeAll(() => {
    writeFileSync(file, `${key.toString('hex')}\n`, { mode: 0o600 });
    writeFileSync(failing, '#!/bin/sh\necho secret-words >&2\nexit 3\n');
    chmodSync(failing, 0o755);
  });
  afterAll(() => rmSync(dataDir, { recursive: true }));

  test('is made once in a file only its owner can read', async () => {
    const { current } = await loadMasterKeys(settings, true);
    expect((await loadMasterKeys(settings, false)).current).toEqual(current);
    expect(statSync(join(dataDir, 'master-key')).mode & 0o777).toBe(0o600);
  });

  test.each<[string, Partial<MasterKeySettings>]>([
    ['the setting in hex', { MASTER_KEY: key.toString('hex') }],
    ['the setting in base64', { MASTER_KEY: key.toString('base64') }],
    ['the setting in base64 of URLs', { MASTER_KEY: key.toString('base64url') }],
    ['a file', { MASTER_KEY_FILE: file }],
    ['what a command prints', { MASTER_KEY_COMMAND: ['cat', file] }],
  ])('is taken from %s', async (_from, from) => {
    expect((await loadMasterKeys({ ...settings, ...from }, false)).current).toEqual(masterKeyOf(key));
  });

  test('is never read by a shell', async () => {
    const marker = join(dataDir, 'marker');
    await expect(loadMasterKeys({ ...settings, MASTER_KEY_COMMAND: [`cat ${file}; touch ${marker}`] }, false)).rejects.toThrow('MASTER_KEY_COMMAND failed (ENOENT)');
    await expect(loadMasterKeys({ ...settings, MASTER_KEY_COMMAND: ['cat', file, `; touch ${marker}`] }, false)).rejects.toThrow('MASTER_KEY_COMMAND failed (1)');
    expect(existsSync(marker)).toBe(false);
  });

  test.each<[string, Partial<MasterKeySettings>, RegExp]>([
    ['of another size', { MASTER_KEY: 'abcd' }, /of MASTER_KEY is not 32 bytes/],
    ['of one byte again and again', { MASTER_KEY: 'ab'.repeat(32) }, /is a sample or a phrase/],
    ['that counts up', { MASTER_KEY: Buffer.from(Array.from({ length: 32 }, (_, index) => index)).toString('hex') }, /is a sample or a phrase/],
    ['that is a phrase', { MASTER_KEY: Buffer.from('correct horse battery staple 123').toString('base64') }, /is a sample or a phrase/],
    ['in a file that is not there', { MASTER_KEY_FILE: '/nonexistent/key' }, /^MASTER_KEY_FILE cannot be read \(ENOENT\)\.$/],
    ['of a command that fails', { MASTER_KEY_COMMAND: [failing] }, /^MASTER_KEY_COMMAND failed \(3\)\.$/],
    ['of a command that says too much', { MASTER_KEY_COMMAND: ['head', '-c', '100000', '/dev/zero'] }, /^MASTER_KEY_COMMAND failed \(ERR_CHILD_PROCESS_STDIO_MAXBUFFER\)\.$/],
  ])('%s is refused, and the reason quotes nothing', async (_situation, given, reason) => {
    await expect(loadMasterKeys({ ...settings, ...given }, false)).rejects.toThrow(reason);
  });
});
