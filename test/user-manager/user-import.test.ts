import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { asService, startUserManager, type RunningUserManager } from './running-user-manager.ts';

interface Report {
  readonly updated: string[];
  readonly inserted: string[];
  readonly invalid: { readonly row: number; readonly column?: string; readonly code: string; readonly error: string }[];
}

describe('PATCH /users/import', () => {
  let um: RunningUserManager;
  beforeAll(async () => {
    um = await startUserManager();
  });
  afterAll(() => um.stop());

  const send = (file: string | Uint8Array, fields: Record<string, string> = {}, headers: Record<string, string> = asService) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append('file', new Blob([file], { type: 'text/csv' }), 'users.csv');
    return um.call('/users/import', { method: 'PATCH', body: form, headers });
  };
  const report = async (file: string | Uint8Array, fields?: Record<string, string>): Promise<Report> => {
    const answer = await send(file, fields);
    expect(answer.status).toBe(200);
    return (await answer.json()) as Report;
  };
  const read = async (email: string) => ((await (await um.send('GET', `/users?email=${email}`)).json()) as Record<string, unknown>[])[0];

  test('creates users whose account is postponed, with typed properties; the same file again creates nobody', async () => {
    const file = 'username,email,name,userGroup,site,visits,consents,blocked,roles\nimp1,imp1@example.org,"Rossi, Anna",trial,0123,3,"[""app"",""lab""]",false,"[""subject""]"\n,imp2@example.org,,,,,,,\n';
    const first = await report(file);
    expect(first).toMatchObject({ updated: [], inserted: [expect.any(String), expect.any(String)], invalid: [] });
    expect(await read('imp1@example.org')).toMatchObject({ name: 'Rossi, Anna', userGroup: 'trial', site: '0123', visits: 3, consents: ['app', 'lab'], roles: ['subject'] });
    expect(await read('imp2@example.org')).toMatchObject({ username: 'imp2@example.org', userGroup: 'patient' });
    expect(await read('imp1@example.org')).not.toHaveProperty('authUserId');
    expect(await report(file)).toEqual({ updated: first.inserted, inserted: [], invalid: [] });
  });

  test('a row with _id or a known address changes what it names and leaves the rest', async () => {
    const id = await um.create('known', { name: 'Before', userGroup: 'trial', site: 'Bern' });
    expect(await report(`_id,email,name\n${id},renamed@example.org,After\n`)).toMatchObject({ updated: [id] });
    expect(await report('email,visits\nrenamed@example.org,4\n')).toMatchObject({ updated: [id] });
    expect(await read('renamed@example.org')).toMatchObject({ username: 'known', name: 'After', site: 'Bern', visits: 4 });
    expect((await um.signIn('known')).status).toBe(200);
  });

  test('blocking by a row ends the sessions of the user', async () => {
    await um.create('to-block');
    const { accessToken } = await um.tokens('to-block');
    await report('email,blocked\nto-block@example.org,true\n');
    expect(await um.statusOf(accessToken)).toBe(401);
  });

  test.each<[string, string, string | undefined, string]>([
    ['=1+1 as a name', 'imp9@example.org,=1+1,,', 'name', 'formula'],
    ['@SUM as a name', 'imp9@example.org,@SUM(A1),,', 'name', 'formula'],
    ['+cmd as a name', 'imp9@example.org,+cmd|x,,', 'name', 'formula'],
    ['an address that is none', 'imp9,,,', 'email', 'format'],
    ['no address', ',Nobody,,', 'email', 'required'],
    ['a group nobody knows', 'imp9@example.org,,astronaut,', 'userGroup', 'unknown-group'],
    ['a property of another group', 'imp9@example.org,,patient,Bern', 'site', 'additionalProperties'],
    ['a property that is too long', `imp9@example.org,,trial,${'x'.repeat(21)}`, 'site', 'maxLength'],
    ['too many cells', 'imp9@example.org,,,,,', undefined, 'columns'],
    ['too few cells', 'imp9@example.org', undefined, 'columns'],
    ['an address that cannot be a user name', "o'neil@example.org,,,", 'username', 'required'],
  ])('a row with %s is listed without a value, and the rows around it are taken', async (situation, row, column, code) => {
    const tag = situation.replaceAll(/[^a-z]/gi, '').toLowerCase();
    const result = await report(`email,name,userGroup,site\n${tag}1@example.org,,,\n${row}\n${tag}2@example.org,,,\n`);
    expect(result.inserted).toHaveLength(2);
    expect(result.invalid).toEqual([{ row: 2, ...(column !== undefined && { column }), code, error: expect.any(String) }]);
    for (const cell of row.split(',').filter((text) => text.length > 3)) expect(JSON.stringify(result.invalid)).not.toContain(cell);
  });

  test.each<[string, string, string]>([
    ['an escaped NUL', '["\\u0000"]', 'invalid-text'],
    ['half of a surrogate pair', '["a","\\ud800"]', 'invalid-text'],
    ['a key that JavaScript reserves', '{"__proto__":1}', 'forbidden-key'],
    ['a key twice', '{"city":"Bern","city":"Basel"}', 'duplicate-key'],
    ['an array in an array and so on', '['.repeat(20_000) + ']'.repeat(20_000), 'too-deep'],
    ['no JSON at all', '["', 'type'],
  ])('a cell of JSON with %s costs its row alone', async (situation, cell, code) => {
    const tag = situation.replaceAll(/[^a-z]/gi, '').toLowerCase();
    const column = cell.startsWith('{') ? 'address' : 'consents';
    const quoted = `"${cell.replaceAll('"', '""')}"`;
    const result = await report(`email,userGroup,${column}\n${tag}1@example.org,,\n${tag}2@example.org,trial,${quoted}\n${tag}3@example.org,,\n`);
    expect(result.inserted).toHaveLength(2);
    expect(result.invalid).toEqual([{ row: 2, column, code, error: expect.any(String) }]);
  });

  test.each([['a telephone number', '+41 31 123 45 67'], ['a negative number', '-12.5']])('%s is no formula', async (_situation, site) => {
    const tag = String(site.length);
    expect(await report(`email,userGroup,site\nsign${tag}@example.org,trial,${site}\n`)).toMatchObject({ inserted: [expect.any(String)] });
  });

  test('user names that are taken, and an _id nobody has, cost their rows alone', async () => {
    await um.create('owner');
    const result = await report(`_id,username,email\n,OWNER,other1@example.org\n${'0'.repeat(32)},,other2@example.org\n,free,other3@example.org\n`);
    expect(result.inserted).toHaveLength(1);
    expect(result.invalid).toMatchObject([{ row: 1, column: 'username', code: 'already-exists' }, { row: 2, column: '_id', code: 'not-found' }]);
  });

  test.each<[string, Uint8Array | string, Record<string, string>]>([
    ['semicolons', 'email;name\nsemi@example.org;A\n', { delimiter: ';' }],
    ['Latin-1', Buffer.from('email,name\nlatin@example.org,Zoë\n', 'latin1'), { encoding: 'latin1' }],
    ['a byte order mark and CRLF', '\ufeffemail,name\r\nbom@example.org,Zoë\r\n', {}],
    ['backslashes before quotes', 'email,name\nback@example.org,"a\\"b"\n', { escape: '\\' }],
    ['line breaks in quotes and empty lines', 'email,name\n\nbreak@example.org,"a\nb"\n\n', {}],
  ])('a file with %s is read', async (_situation, file, fields) => {
    expect(await report(file, fields)).toMatchObject({ inserted: [expect.any(String)], invalid: [] });
  });

  test('the name is read by its encoding', async () => {
    expect(await read('latin@example.org')).toMatchObject({ name: 'Zoë' });
  });

  /** A form written by hand; `head` follows the name of its part `file`. */
  const sendForm = (head: string, file: Uint8Array, before = '') =>
    um.call('/users/import', {
      method: 'PATCH', headers: { ...asService, 'content-type': 'multipart/form-data; boundary=b' },
      body: Buffer.concat([Buffer.from(`${before}--b\r\nContent-Disposition: form-data; name="file"${head}\r\n\r\n`), file, Buffer.from('\r\n--b--\r\n')]),
    });

  test.each<[string, string, Uint8Array, string]>([
    ['a file', '; filename="u.csv"', Buffer.from('email,name\npart1@example.org,Łukasz\n'), 'Łukasz'],
    ['a file of bytes', '\r\nContent-Type: application/octet-stream', Buffer.from('email,name\npart2@example.org,Łukasz\n'), 'Łukasz'],
    ['a plain field', '', Buffer.from('email,name\npart3@example.org,Łukasz\n'), 'Łukasz'],
    ['a plain field of text', '\r\nContent-Type: text/csv; charset=utf-8', Buffer.from('email,name\npart4@example.org,Łukasz Zoë 漢字\n'), 'Łukasz Zoë 漢字'],
  ])('names in the part `file` are read alike when it is sent as %s', async (_situation, head, file, name) => {
    expect(await (await sendForm(head, file)).json()).toMatchObject({ inserted: [expect.any(String)], invalid: [] });
    expect(await read(/part\d@example.org/.exec(Buffer.from(file).toString())?.[0] ?? '')).toMatchObject({ name });
  });

  const field = (name: string, value: Uint8Array): string => `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${Buffer.from(value).toString()}\r\n`;

  test('a plain field `file` may have another encoding, and cells may be parted by any one character', async () => {
    const file = Buffer.from('email§name\npart5@example.org§Zoë\n', 'latin1');
    expect(await (await sendForm('', file, field('encoding', Buffer.from('latin1')) + field('delimiter', Buffer.from('§')))).json()).toMatchObject({ inserted: [expect.any(String)] });
    expect(await read('part5@example.org')).toMatchObject({ name: 'Zoë' });
  });

  test('a field that is not UTF-8 is refused', async () => {
    const body = Buffer.from('--b\r\nContent-Disposition: form-data; name="delimiter"\r\n\r\n§\r\n--b--\r\n', 'latin1');
    const answer = await um.call('/users/import', { method: 'PATCH', body, headers: { ...asService, 'content-type': 'multipart/form-data; boundary=b' } });
    expect([answer.status, await answer.json()]).toEqual([400, expect.objectContaining({ code: 'not-utf8' })]);
  });

  test.each<[string, string]>([['no disposition', 'Content-Type: text/plain'], ['the disposition of an attachment', 'Content-Disposition: attachment; name="file"']])(
    'a part with %s is none of the form, whatever its size and place', async (_situation, head) => {
      for (const size of [10, 70_000, 900_000]) {
        const part = `--b\r\n${head}\r\n\r\n${'x'.repeat(size)}\r\n`;
        const answers = await Promise.all([`${part}--b--\r\n`, `${part}${field('delimiter', Buffer.from(','))}--b--\r\n`, `${field('delimiter', Buffer.from(','))}${part}--b--\r\n`].map((body) =>
          um.call('/users/import', { method: 'PATCH', body, headers: { ...asService, 'content-type': 'multipart/form-data; boundary=b' }, signal: AbortSignal.timeout(5_000) })));
        expect(answers.map(({ status }) => status)).toEqual([400, 400, 400]); // there is no file
      }
    }, 20_000);

  test.each<[string, Uint8Array | string, Record<string, string>, number, string]>([
    ['a column nobody knows', 'email,shoeSize\na@example.org,42\n', {}, 400, '/file'],
    ['a column for the password', 'email,password\na@example.org,secret\n', {}, 400, '/file'],
    ['a column for the expiration', 'email,expirationDate\na@example.org,2030-01-01\n', {}, 400, '/file'],
    ['a column twice', 'email,email\na@example.org,b@example.org\n', {}, 400, '/file'],
    ['neither email nor _id', 'username\na\n', {}, 400, '/file'],
    ['nothing in it', '', {}, 400, '/file'],
    ['a quote that is not closed', 'email,name\n"a@example.org,x\n', {}, 400, '/file'],
    ['bytes that are not UTF-8', Buffer.from('email,name\na@example.org,Zoë\n', 'latin1'), {}, 400, '/file'],
    ['an encoding nobody knows', 'email\na@example.org\n', { encoding: 'klingon' }, 400, '/encoding'],
    ['two characters to part cells', 'email\na@example.org\n', { delimiter: ';;' }, 400, '/delimiter'],
    ['a quote to part cells', 'email\na@example.org\n', { delimiter: '"' }, 400, '/delimiter'],
    ['a field nobody knows', 'email\na@example.org\n', { dryRun: 'true' }, 400, '/dryRun'],
    ['a NUL', 'email,name\na@example.org,x\0\n', {}, 400, '/file'],
  ])('a file with %s is refused as a whole', async (_situation, file, fields, status, pointer) => {
    const answer = await send(file, fields);
    expect([answer.status, await answer.json()]).toEqual([status, expect.objectContaining({ errors: [expect.objectContaining({ pointer })] })]);
    expect(await read('a@example.org')).toBeUndefined();
  });

  test('more than 200 rows, or more than 1 MiB, are answered 413 with the bounds', async () => {
    const rows = Array.from({ length: 201 }, (_, index) => `many${String(index)}@example.org`).join('\n');
    expect(await (await send(`email\n${rows}\n`)).json()).toMatchObject({ status: 413, code: 'too-many-items', limits: { maxItems: 200 } });
    expect((await send(`email\n${'x'.repeat(1_200_000)}`)).status).toBe(413);
    expect((await report(`email\n${rows.split('\n').slice(0, 200).join('\n')}\n`)).inserted).toHaveLength(200);
  });

  test('the same file sent twice at the same time creates each user once', async () => {
    const file = `email\n${Array.from({ length: 20 }, (_, index) => `twice${String(index)}@example.org`).join('\n')}\n`;
    const reports = await Promise.all([report(file), report(file)]);
    expect(reports.flatMap(({ inserted }) => inserted)).toHaveLength(20);
  });

  test.each<[string, RequestInit, number]>([
    ['no boundary', { body: 'file=x', headers: { 'content-type': 'multipart/form-data' } }, 400],
    ['another boundary', { body: '--a\r\nx', headers: { 'content-type': 'multipart/form-data; boundary=b' } }, 400],
    ['an end in the middle', { body: '--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nemail', headers: { 'content-type': 'multipart/form-data; boundary=b' } }, 400],
    ['JSON', { body: '{}', headers: { 'content-type': 'application/json' } }, 415],
    ['no file', { body: '--b\r\nContent-Disposition: form-data; name="delimiter"\r\n\r\n,\r\n--b--\r\n', headers: { 'content-type': 'multipart/form-data; boundary=b' } }, 400],
    ['a file twice', { body: '--b\r\nContent-Disposition: form-data; name="file"\r\n\r\na\r\n--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nb\r\n--b--\r\n', headers: { 'content-type': 'multipart/form-data; boundary=b' } }, 400],
    ['a file without a name', { body: '--b\r\nContent-Type: application/octet-stream\r\n\r\na\r\n--b--\r\n', headers: { 'content-type': 'multipart/form-data; boundary=b' } }, 400],
    ['a reserved name', { body: '--b\r\nContent-Disposition: form-data; name="__proto__"\r\n\r\na\r\n--b--\r\n', headers: { 'content-type': 'multipart/form-data; boundary=b' } }, 400],
  ])('a body with %s is refused', async (_situation, init, status) => {
    const answer = await um.call('/users/import', { method: 'PATCH', ...init, headers: { ...asService, ...(init.headers as Record<string, string>) } });
    expect(answer.status).toBe(status);
  });

  test('is refused to patients and nobody', async () => {
    await um.create('patient');
    const { accessToken } = await um.tokens('patient');
    for (const headers of [{}, { authorization: `Bearer ${accessToken}` }] as Record<string, string>[]) expect((await send('email\n', {}, headers)).status).toBe(401);
  });
});
