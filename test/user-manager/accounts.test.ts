import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { asService, password, startUserManager, type RunningUserManager } from './running-user-manager.ts';

interface Record_ {
  readonly _id: string;
  readonly [member: string]: unknown;
}

describe('accounts of the User Manager', () => {
  let um: RunningUserManager;
  beforeAll(async () => {
    um = await startUserManager();
  });
  afterAll(() => um.stop());

  const json = async <Body>(answer: Promise<Response> | Response): Promise<Body> => (await (await answer).json()) as Body;
  const find = (query: string) => json<Record_[]>(um.send('GET', `/users?${query}`));
  const patch = (id: string, commands: object) => um.send('PATCH', `/users/${id}`, commands);
  const read = async (id: string, states = 'PUBLIC,DRAFT,TRASH,DELETED') => (await find(`_id=${id}&_st=${states}`))[0];

  describe('GET /userinfo', () => {
    const membersFor = async (userInfoMembers: readonly string[] | undefined) => {
      const other = await startUserManager(userInfoMembers === undefined ? {} : { userInfoMembers });
      await other.create('tessa', { userGroup: 'trial', site: 'Bern', roles: ['subject'] });
      const { accessToken } = await other.tokens('tessa');
      const info = await json<object>(other.call('/userinfo', { headers: { authorization: `Bearer ${accessToken}` } }));
      await other.stop();
      return Object.keys(info);
    };
    const claims = ['sub', 'name', 'preferred_username', 'email', 'email_verified', 'updated_at'];

    test.each<[string, readonly string[] | undefined, string[]]>([
      ['all members where USERINFO_ADDITIONAL_PROPERTIES is unset', undefined, ['site', 'roles', 'userGroup', '_id', 'blocked', '__STATE__']],
      ['the claims, _id and userGroup alone where it is empty', [''], ['_id', 'userGroup']],
      ['the members it lists beside them', ['site', '_id'], ['site', '_id', 'userGroup']],
    ])('answers %s', async (_situation, userInfoMembers, expected) => {
      const members = await membersFor(userInfoMembers);
      expect(members).toEqual(expect.arrayContaining([...claims, ...expected]));
      if (userInfoMembers !== undefined) expect(members).toHaveLength(claims.length + expected.length);
    });

    test('of somebody whose account was taken away is 401 in the words of the original', async () => {
      const id = await um.create('taken-away');
      const { accessToken } = await um.tokens('taken-away');
      await um.database.pool.query('update user_manager.user_account set auth_user_id = null where _id = $1', [id]);
      const answer = await um.call('/userinfo', { headers: { authorization: `Bearer ${accessToken}` } });
      expect([answer.status, await json(answer)]).toEqual([401, expect.objectContaining({ message: 'Missing authUserId, user not logged' })]);
    });
  });

  describe('POST /users', () => {
    test('creates a user with the properties of the group', async () => {
      const id = await um.create('trial-1', { userGroup: 'trial', site: 'Bern', visits: 2, address: { city: 'Bern' }, roles: ['subject'], expirationDate: '2090-01-01T00:00:00+01:00' });
      expect(await read(id)).toMatchObject({ authUserId: id, site: 'Bern', visits: 2, address: { city: 'Bern' }, roles: ['subject'], blocked: false, expirationDate: '2089-12-31T23:00:00.000Z', __STATE__: 'PUBLIC' });
    });

    test('with an expiration that stands for never keeps it', async () => {
      expect(await read(await um.create('never-expires', { expirationDate: '9999-12-31T23:59:59Z' }))).toMatchObject({ blocked: false, expirationDate: '9999-12-31T23:59:59.000Z' });
    });

    test('without a user name the address is it', async () => {
      const answer = await um.send('POST', '/users', { email: 'nameless@example.org', password });
      expect(answer.status).toBe(200);
      expect((await um.signIn('Nameless@example.org')).status).toBe(200);
    });

    test.each<[string, object, string, string]>([
      ['a property of no group', { userGroup: 'trial', shoeSize: 42 }, '/shoeSize', 'additionalProperties'],
      ['a property of another group', { userGroup: 'patient', site: 'Bern' }, '/site', 'additionalProperties'],
      ['a property of the wrong type', { userGroup: 'trial', visits: 'many' }, '/visits', 'type'],
      ['a property out of range', { userGroup: 'trial', visits: -1 }, '/visits', 'minimum'],
      ['a nested property nobody knows', { userGroup: 'trial', address: { street: 'x' } }, '/address/street', 'additionalProperties'],
      ['an expiration in a month that does not exist', { expirationDate: '2030-13-01T00:00:00Z' }, '/expirationDate', 'invalid-date'],
      ['an expiration on 30 February', { expirationDate: '2030-02-30T00:00:00Z' }, '/expirationDate', 'invalid-date'],
      ['an expiration after midnight', { expirationDate: '2030-01-01T24:30:00Z' }, '/expirationDate', 'invalid-date'],
      ['an expiration in a second that was inserted', { expirationDate: '2016-12-31T23:59:60Z' }, '/expirationDate', 'invalid-date'],
      ['a password for a group that never signs in', { userGroup: 'contact' }, '/password', 'no-account'],
    ])('with %s is answered 400', async (_situation, more, pointer, code) => {
      const answer = await um.send('POST', '/users', { username: 'refused', email: 'refused@example.org', password, ...more });
      expect([answer.status, await json(answer)]).toEqual([400, expect.objectContaining({ errors: [expect.objectContaining({ pointer, code })] })]);
    });

    test('without a password nobody signs in, whatever is tried', async () => {
      await um.send('POST', '/users', { username: 'later', email: 'later@example.org' });
      expect((await um.signIn('later')).status).toBe(401);
    });

    test('with postponeAuthUserCreation there is no account until it is registered', async () => {
      const answer = await um.send('POST', '/users?postponeAuthUserCreation=true', { username: 'postponed', email: 'postponed@example.org' });
      const { _id } = await json<{ _id: string }>(answer);
      expect(await read(_id)).not.toHaveProperty('authUserId');
      expect((await um.send('POST', '/users/register', { _id, password })).status).toBe(204);
      expect((await um.signIn('postponed')).status).toBe(200);
      expect((await read(_id))?.['authUserId']).toBe(_id);
    });

    test('with sendResetPwdEmail a mail is on its way, with an identifier alone', async () => {
      const { _id } = await json<{ _id: string }>(um.send('POST', '/users?sendResetPwdEmail=true', { username: 'mailed', email: 'mailed@example.org' }));
      const { rows } = await um.database.pool.query<{ payload: object }>(`select payload from graphile_worker._private_jobs j join graphile_worker._private_tasks t on t.id = j.task_id where t.identifier = 'password-reset-mail' and key = $1`, [`password-reset:${_id}`]);
      expect(rows).toEqual([{ payload: { userId: _id } }]);
    });
  });

  describe('POST /users/with-id', () => {
    test('keeps the account it is given, once', async () => {
      const body = { authUserId: 'auth0|5f7c8ec7c33c6c004bbafe82', username: 'with-id', email: 'with-id@example.org' };
      const { _id } = await json<{ _id: string }>(um.send('POST', '/users/with-id', body));
      expect(await read(_id)).toMatchObject({ authUserId: body.authUserId });
      expect(await find(`authUserId=${encodeURIComponent(body.authUserId)}`)).toHaveLength(1);
      const again = await um.send('POST', '/users/with-id', { ...body, username: 'other', email: 'other@example.org' });
      expect([again.status, await json(again)]).toEqual([409, expect.objectContaining({ errors: [expect.objectContaining({ pointer: '/authUserId' })] })]);
    });

    test('never takes the id of another user, whose account may be postponed', async () => {
      const { _id } = await json<{ _id: string }>(um.send('POST', '/users?postponeAuthUserCreation=true', { username: 'victim', email: 'victim@example.org' }));
      expect((await um.send('POST', '/users/with-id', { authUserId: _id, username: 'thief', email: 'thief@example.org' })).status).toBe(409);
    });
  });

  describe('members of a group that never signs in', () => {
    const disabled = (pointer: string) => [400, expect.objectContaining({ errors: [expect.objectContaining({ pointer, code: 'account-disabled' })] })];
    const verdict = async (answer: Response) => [answer.status, await json(answer)];

    test('are not made with an account', async () => {
      expect(await verdict(await um.send('POST', '/users/with-id', { authUserId: 'auth0|contact', username: 'contact-with-id', email: 'contact-with-id@example.org', userGroup: 'contact' }))).toEqual(disabled('/userGroup'));
      expect(await find('username=contact-with-id')).toEqual([]);
    });

    test('are no people who sign in: they do not move there, and keep their sessions', async () => {
      const id = await um.create('moves-to-contact');
      const { accessToken } = await um.tokens('moves-to-contact');
      expect(await verdict(await patch(id, { $set: { userGroup: 'contact', name: 'Moved' } }))).toEqual(disabled('/$set/userGroup'));
      expect([await read(id), await um.statusOf(accessToken)]).toEqual([expect.not.objectContaining({ name: 'Moved' }), 200]);
    });

    test('are people without an account, who move there and back', async () => {
      const { _id } = await json<{ _id: string }>(um.send('POST', '/users?postponeAuthUserCreation=true', { username: 'moves-freely', email: 'moves-freely@example.org' }));
      for (const userGroup of ['contact', 'patient']) expect((await patch(_id, { $set: { userGroup } })).status).toBe(200);
      expect((await um.send('POST', '/users/register', { _id, password })).status).toBe(204);
    });
  });

  describe('POST /users/register', () => {
    test.each<[string, () => Promise<object>, number]>([
      ['an id nobody has', () => Promise.resolve({ _id: '0'.repeat(32) }), 404],
      ['a user who is active already', async () => ({ _id: await um.create('active') }), 409],
      ['a user of a group that never signs in', async () => ({ _id: (await json<Record_>(um.send('POST', '/users', { username: 'contact', email: 'contact@example.org', userGroup: 'contact' })))._id }), 400],
      ['a short password', async () => ({ _id: await um.create('short'), password: 'short' }), 400],
    ])('for %s is refused', async (_situation, body, status) => {
      expect((await um.send('POST', '/users/register', await body())).status).toBe(status);
    });
  });

  describe('PATCH /users/{id}', () => {
    test('applies all commands, also into nested properties, and says who did it', async () => {
      const id = await um.create('patched', { userGroup: 'trial', site: 'Bern', visits: 1, consents: ['app'], name: 'Pat' });
      const answer = await patch(id, { $set: { email: 'new@example.org', 'address.city': 'Basel' }, $unset: { name: true, site: '' }, $inc: { visits: 2 }, $push: { consents: 'lab' }, $addToSet: { roles: 'subject' } });
      expect(answer.status).toBe(200);
      const after = await json<Record_>(answer);
      expect(after).toMatchObject({ email: 'new@example.org', address: { city: 'Basel' }, visits: 3, consents: ['app', 'lab'], roles: ['subject'], updaterId: 'service' });
      expect(after).not.toHaveProperty('name');
      expect(after).not.toHaveProperty('site');
      expect(await json(patch(id, { $pull: { consents: 'app' }, $addToSet: { roles: 'subject' } }))).toMatchObject({ consents: ['lab'], roles: ['subject'] });
      expect(await read(id)).toMatchObject({ consents: ['lab'] });
    });

    test.each<[string, object, string, string]>([
      ['authUserId', { $set: { authUserId: 'x' } }, '/$set/authUserId', 'immutable'],
      ['expirationId', { $set: { expirationId: 'x' } }, '/$set/expirationId', 'immutable'],
      ['_id', { $set: { _id: 'x' } }, '/$set/_id', 'immutable'],
      ['the state', { $set: { __STATE__: 'DRAFT' } }, '/$set/__STATE__', 'immutable'],
      ['the password', { $set: { password: 'x' } }, '/$set/password', 'immutable'],
      ['the creator', { $unset: { creatorId: true } }, '/$unset/creatorId', 'immutable'],
      ['a group nobody knows', { $set: { userGroup: 'astronaut' } }, '/$set/userGroup', 'unknown-group'],
      ['a group whose properties do not fit', { $set: { userGroup: 'patient' } }, '/$set/site', 'additionalProperties'],
      ['a property nobody knows', { $set: { shoeSize: 42 } }, '/$set/shoeSize', 'additionalProperties'],
      ['a text to a number', { $inc: { site: 1 } }, '/$inc/site', 'wrong-type'],
      ['a value to a text', { $push: { site: 'x' } }, '/$push/site', 'wrong-type'],
      ['an expiration on 30 February', { $set: { expirationDate: '2030-02-30T00:00:00Z' } }, '/$set/expirationDate', 'invalid-date'],
      ['an expiration in a month that does not exist', { $set: { expirationDate: '2030-13-01T00:00:00Z' } }, '/$set/expirationDate', 'invalid-date'],
      ['an expiration after midnight of its day', { $set: { expirationDate: '2030-01-01T24:30:00Z' } }, '/$set/expirationDate', 'invalid-date'],
      ['no e-mail address', { $unset: { email: true } }, '/$unset/email', 'required'],
      ['a role that is a number', { $push: { roles: 7 } }, '/$push/roles', 'wrong-type'],
      ['a part of a name', { $set: { 'name.first': 'x' } }, '/$set/name.first', 'invalid-name'],
      ['nothing between dots', { $set: { 'address..city': 'x' } }, '/$set/address..city', 'invalid-name'],
      ['a prototype', { $set: { 'address.__proto__.x': 'x' } }, '/$set/address.__proto__.x', 'invalid-name'],
      ['an address that is none', { $set: { email: 'nobody' } }, '/$set/email', 'format'],
    ])('%s is refused with its place, and nothing changes', async (situation, commands, pointer, code) => {
      const username = `keeps-${String(situation.length)}-${pointer.replaceAll(/[^a-z]/gi, '').slice(0, 30)}`;
      const id = await um.create(username, { userGroup: 'trial', site: 'Bern' });
      const before = await read(id);
      const answer = await patch(id, { ...commands, ...('$set' in commands ? { $set: { name: 'Changed', ...(commands as { $set: object }).$set } } : {}) });
      expect([answer.status, await json(answer)]).toEqual([400, expect.objectContaining({ errors: [expect.objectContaining({ pointer, code })] })]);
      expect(await read(id)).toEqual(before);
    });

    test.each([['no command', {}], ['a command nobody knows', { $rename: { name: 'x' } }], ['members without a command', { name: 'x' }], ['a command that is no object', { $set: 1 }]])(
      '%s is answered 400', async (_situation, body) => {
        expect((await patch(await um.create(`no-command-${String(JSON.stringify(body).length)}`), body)).status).toBe(400);
      });

    test('a name or an address that is taken is answered 409', async () => {
      const id = await um.create('takes');
      await um.create('has');
      expect(await json(patch(id, { $set: { username: 'HAS' } }))).toMatchObject({ status: 409, errors: [{ pointer: '/$set/username' }] });
      expect(await json(patch(id, { $set: { email: 'Has@example.org' } }))).toMatchObject({ status: 409, errors: [{ pointer: '/$set/email' }] });
    });

    test('nobody is 404', async () => {
      expect((await patch('0'.repeat(32), { $set: { name: 'x' } })).status).toBe(404);
    });

    test('ten additions at the same time are all there', async () => {
      const id = await um.create('counted', { userGroup: 'trial' });
      await Promise.all(Array.from({ length: 10 }, () => patch(id, { $inc: { visits: 1 } })));
      expect(await read(id)).toMatchObject({ visits: 10 });
    });
  });

  describe('DELETE /users/{id}', () => {
    test('removes the user for good; again is 404, and name and address are free', async () => {
      const id = await um.create('deleted');
      const answer = await um.send('DELETE', `/users/${id}`);
      expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([204, null, '']);
      expect((await um.send('DELETE', `/users/${id}`)).status).toBe(404);
      expect(await read(id)).toBeUndefined();
      expect(await um.create('deleted')).not.toBe(id);
    });

    test.each([['that does not listen yet is asked when it does', true, ['erase-health-data']], ['that does not exist is not asked', false, []]])('a Device Manager %s', async (_situation, hasDeviceManager, asked) => {
      const other = await startUserManager({ hasDeviceManager });
      expect((await other.send('DELETE', `/users/${await other.create('deleted')}`)).status).toBe(204);
      const { rows } = await other.database.pool.query<{ task: string }>(`select task_identifier task from graphile_worker.jobs where task_identifier = 'erase-health-data'`);
      expect(rows.map(({ task }) => task)).toEqual(asked);
      await other.stop();
    });
  });

  describe('POST /users/state', () => {
    const states = ['PUBLIC', 'DRAFT', 'TRASH', 'DELETED'] as const;
    const allowed = new Set(['DRAFT PUBLIC', 'PUBLIC DRAFT', 'TRASH DRAFT', 'PUBLIC TRASH', 'DRAFT TRASH', 'DELETED TRASH', 'TRASH DELETED']);

    test.each(states.flatMap((from) => states.map((to): [string, string] => [from, to])))('from %s to %s', async (from, to) => {
      const id = await um.create(`state-${from}-${to}`);
      await um.database.pool.query('update user_manager.user_account set state = $2 where _id = $1', [id, from]);
      const moved = await json<number>(um.send('POST', '/users/state', [{ filter: { _id: id }, stateTo: to }]));
      expect([moved, (await read(id))?.['__STATE__']]).toEqual(allowed.has(`${from} ${to}`) ? [1, to] : [0, from]);
    });

    test('counts those that were moved, and passes over the others', async () => {
      const [one, two] = [await um.create('many-1'), await um.create('many-2')];
      const moves = [[one, 'DRAFT'], [two, 'DELETED'], ['nobody', 'TRASH']].map(([_id, stateTo]) => ({ filter: { _id }, stateTo }));
      expect(await json(um.send('POST', '/users/state', moves))).toBe(1);
      expect((await um.signIn('many-1')).status).toBe(401);
      expect(await json(um.send('POST', '/users/state', [{ filter: { _id: one }, stateTo: 'PUBLIC' }]))).toBe(1);
      expect((await um.signIn('many-1')).status).toBe(200);
    });

    test('a block that somebody put stays when the user becomes PUBLIC again', async () => {
      const id = await um.create('stays-blocked', { blocked: true });
      for (const stateTo of ['DRAFT', 'PUBLIC']) await um.send('POST', '/users/state', [{ filter: { _id: id }, stateTo }]);
      expect((await um.signIn('stays-blocked')).status).toBe(401);
    });

    test('a deleted user whose name was given away stays deleted, and so do the others of the request', async () => {
      const [gone, other] = [await um.create('given-away'), await um.create('bystander')];
      await um.send('POST', `/users/${gone}/soft-delete`);
      await um.create('given-away');
      const answer = await um.send('POST', '/users/state', [{ filter: { _id: other }, stateTo: 'DRAFT' }, { filter: { _id: gone }, stateTo: 'TRASH' }]);
      expect(answer.status).toBe(409);
      expect((await read(other))?.['__STATE__']).toBe('PUBLIC');
    });

    test.each([['no array', {}], ['an empty array', []], ['a state nobody knows', [{ filter: { _id: 'a' }, stateTo: 'GONE' }]], ['a filter by name', [{ filter: { username: 'a' }, stateTo: 'TRASH' }]]])('%s is answered 400', async (_situation, body) => {
      expect((await um.send('POST', '/users/state', body)).status).toBe(400);
    });
  });

  describe('POST /users/{id}/soft-delete', () => {
    test.each(['PUBLIC', 'DRAFT', 'TRASH', 'DELETED'])('from %s the record stays, without account; again is fine', async (from) => {
      const id = await um.create(`soft-${from}`);
      await um.database.pool.query('update user_manager.user_account set state = $2 where _id = $1', [id, from]);
      const answers = [await um.send('POST', `/users/${id}/soft-delete`), await um.send('POST', `/users/${id}/soft-delete`)];
      expect(await Promise.all(answers.map(async (answer) => [answer.status, await answer.text()]))).toEqual([[204, ''], [204, '']]);
      expect((await read(id))?.['__STATE__']).toBe('DELETED');
      if (from !== 'DELETED') expect(await read(id)).not.toHaveProperty('authUserId');
    });

    test('nobody is 404', async () => {
      expect((await um.send('POST', '/users/nobody/soft-delete')).status).toBe(404);
    });
  });

  test.each([
    ['POST', '/users/with-id'], ['POST', '/users/register'], ['GET', '/users/count'], ['POST', '/users/state'], ['PATCH', '/users/x'],
    ['DELETE', '/users/x'], ['POST', '/users/x/soft-delete'], ['POST', '/jobs/bulk-activation'], ['GET', '/jobs/bulk-activation/x'], ['POST', '/jobs/change-password/bulk'], ['GET', '/jobs/change-password/bulk/x'],
  ])('%s %s is refused to patients, cookies and nobody', async (method, path) => {
    await um.send('POST', '/users', { username: 'refused-patient', email: 'refused-patient@example.org', password });
    const { accessToken } = await um.tokens('refused-patient');
    for (const headers of [{}, { authorization: `Bearer ${accessToken}` }, { cookie: `sid=${accessToken}` }]) expect((await um.send(method, path, method === 'GET' || method === 'DELETE' ? undefined : {}, headers)).status).toBe(401);
    expect((await um.send(method, path, method === 'GET' || method === 'DELETE' ? undefined : {}, asService)).status).not.toBe(401);
  });
});
