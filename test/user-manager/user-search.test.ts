import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startUserManager, type RunningUserManager } from './running-user-manager.ts';

describe('GET /users and GET /users/count', () => {
  let um: RunningUserManager;
  beforeAll(async () => {
    um = await startUserManager();
  });
  afterAll(() => um.stop());

  const json = async <Body>(answer: Promise<Response> | Response): Promise<Body> => (await (await answer).json()) as Body;
  const find = (query: string) => json<Record<string, unknown>[]>(um.send('GET', `/users?${query}`));
  const q = (condition: unknown) => `_q=${encodeURIComponent(JSON.stringify(condition))}`;

  const site = (name: string) => ({ userGroup: 'trial', site: `search-${name}` });
  beforeAll(async () => {
    await um.create('search-a', { ...site('a'), visits: 1, consents: ['app', 'lab'], address: { city: 'Bern' } });
    await um.create('search-b', { ...site('b'), visits: 5, consents: ['app'], expirationDate: '2020-01-01T00:00:00Z' });
    await um.create('search-c', { ...site('c'), roles: ['study-nurse'], name: 'Cleo', blocked: true });
  });
  const among = (condition: object) => ({ $and: [{ username: { $in: ['SEARCH-A', 'search-b', 'search-c'] } }, condition] });

  test.each<[string, object, string[]]>([
    ['equality', { username: 'Search-A' }, ['a']],
    ['$in', { site: { $in: ['search-a', 'search-c'] } }, ['a', 'c']],
    ['$nin', { site: { $nin: ['search-a'] } }, ['b', 'c']],
    ['$ne', { visits: { $ne: 5 } }, ['a', 'c']],
    ['$gt on numbers', { visits: { $gt: 1 } }, ['b']],
    ['$gte and $lte', { visits: { $gte: 1, $lte: 4 } }, ['a']],
    ['$exists', { visits: { $exists: false } }, ['c']],
    ['null', { visits: null }, ['c']],
    ['an array that holds a value', { consents: 'lab' }, ['a']],
    ['a nested property', { 'address.city': 'Bern' }, ['a']],
    ['roles', { roles: { $in: ['study-nurse', 'x'] } }, ['c']],
    ['$or', { $or: [{ site: 'search-a' }, { site: 'search-b' }] }, ['a', 'b']],
    ['blocked, by an expiration too', { blocked: true }, ['b', 'c']],
    ['a date', { createdAt: { $gt: '2020-01-01T00:00:00Z' } }, ['a', 'b', 'c']],
    ['a text that looks like SQL', { site: "search-a' or '1'='1" }, []],
    ['nothing', { $or: [{ username: { $in: [] } }] }, []],
  ])('_q finds by %s', async (_situation, condition, expected) => {
    const query = q(among(condition));
    expect((await find(query)).map(({ username }) => username)).toEqual(expected.map((name) => `search-${name}`));
    expect(await json(um.send('GET', `/users/count?${query}`))).toBe(expected.length);
  });

  test.each([
    ['username=SEARCH-A', 1], ['email=Search-B@example.org', 1], ['userGroup=trial&username=search-c', 1], ['blocked=true&username=search-b', 1],
    ['username=search-a&_st=DRAFT,TRASH', 0], ['_id=nobody', 0],
  ])('?%s finds %d', async (query, expected) => {
    expect(await find(query)).toHaveLength(expected);
    expect(await json(um.send('GET', `/users/count?${query}`))).toBe(expected);
  });

  test('_s sorts, _l and _sk page, _p chooses members', async () => {
    const query = `${q({ userGroup: 'trial', site: { $in: ['search-a', 'search-b', 'search-c'] } })}&_s=-visits,username&_p=username,visits`;
    expect((await find(query)).map(({ _id, ...rest }) => [typeof _id, rest])).toEqual([['string', { username: 'search-b', visits: 5 }], ['string', { username: 'search-a', visits: 1 }], ['string', { username: 'search-c' }]]);
    expect((await find(`${query}&_l=1&_sk=1`)).map(({ username }) => username)).toEqual(['search-a']);
  });

  test.each<[string, string, string]>([
    ['no JSON', '_q=%7B', '/query/_q'],
    ['an array', '_q=[]', '/query/_q'],
    ['a member nobody knows', q({ shoeSize: 1 }), '/query/_q'],
    ['the password', q({ password_hash: { $exists: true } }), '/query/_q'],
    ['an operator nobody knows', q({ username: { $regex: '.*' } }), '/query/_q'],
    ['$where', q({ $where: 'true' }), '/query/_q'],
    ['an object as value', q({ site: { city: 'Bern' } }), '/query/_q'],
    ['a number for a name', q({ username: 1 }), '/query/_q'],
    ['a date that is none', q({ createdAt: { $gt: 'yesterday' } }), '/query/_q'],
    ['a time of no zone', q({ createdAt: { $gt: '2024-07-01T00:00:00' } }), '/query/_q'],
    ['30 February', q({ expirationDate: { $lt: '2030-02-30T00:00:00Z' } }), '/query/_q'],
    ['$in without an array', q({ username: { $in: 'a' } }), '/query/_q'],
    ['an empty $or', q({ $or: [] }), '/query/_q'],
    ['twenty levels', q(Array.from({ length: 20 }).reduce<object>((inner) => ({ $and: [inner] }), { username: 'a' })), '/query/_q'],
    ['a NUL', q({ username: 'a\0' }), '/query/_q'],
    ['half of a surrogate pair as a name', q({ username: '\ud800' }), '/query/_q'],
    ['half of a surrogate pair as a role', q({ roles: '\ud800' }), '/query/_q'],
    ['half of a surrogate pair among roles', q({ roles: { $in: ['a', '\udc00b'] } }), '/query/_q'],
    ['half of a surrogate pair as a property', q({ site: { $ne: '\ud800' } }), '/query/_q'],
    ['a property with SQL in its name', q({ "site') or true --": 1 }), '/query/_q'],
    ['a member to sort by that nobody knows', '_s=-shoeSize', '/query/_s'],
    ['a member to answer that nobody knows', '_p=password_hash', '/query/_p'],
    ['a state nobody knows', '_st=PUBLIC,GONE', '/query/_st'],
    ['too many at once', '_l=201', '/query/_l'],
    ['a parameter nobody knows', 'shoeSize=1', '/query/shoeSize'],
  ])('%s in a query is answered 400 with its place', async (_situation, query, pointer) => {
    const answer = await um.send('GET', `/users?${query}`);
    const body = await json<object>(answer);
    expect([answer.status, body]).toEqual([400, expect.objectContaining({ errors: [expect.objectContaining({ pointer })] })]);
  });
});
