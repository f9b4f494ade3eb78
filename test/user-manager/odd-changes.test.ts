import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startUserManager, type RunningUserManager } from './running-user-manager.ts';

describe('PATCH /users/{id} with names that are none', () => {
  let um: RunningUserManager;
  beforeAll(async () => {
    um = await startUserManager();
  });
  afterAll(() => um.stop());

  const dotted = (parts: number) => Array.from({ length: parts }, () => 'a').join('.');
  const many = (count: number, name: (index: number) => string) => Object.fromEntries(Array.from({ length: count }, (_, index) => [name(index), 1]));

  test.each<[string, Record<string, unknown>, string]>([
    ['201 characters', { ['x'.repeat(201)]: 1 }, 'invalid-name'],
    ['100,000 characters', { ['x'.repeat(100_000)]: 1 }, 'invalid-name'],
    ['33 parts', { [dotted(33)]: 1 }, 'invalid-name'],
    ['20,000 parts', { [dotted(20_000)]: 1 }, 'invalid-name'],
    ['200 characters, and no such property', { ['x'.repeat(200)]: 1 }, 'additionalProperties'],
    ['32 parts, and no such property', { [dotted(32)]: 1 }, 'additionalProperties'],
    ['escapes where the pointer is cut', { ['\u{1f600}~'.repeat(1_000)]: 1 }, 'invalid-name'],
    ['nothing between dots, a hundred times', many(100, (index) => `a..${String(index)}`), 'invalid-name'],
  ])('%s: answered 400 within the bounds of a problem, and nothing changes', async (situation, values, code) => {
    const id = await um.create(`odd-${String(situation.length)}-${situation.replaceAll(/\W/g, '').slice(0, 20)}`, { userGroup: 'trial', site: 'Bern' });
    const answer = await um.send('PATCH', `/users/${id}`, { $set: values });
    const { errors } = (await answer.json()) as { errors: { pointer: string; code: string }[] };
    expect([answer.status, errors[0]?.code]).toEqual([400, code]);
    expect(errors.length).toBeLessThanOrEqual(20);
    expect(errors.filter(({ pointer }) => pointer.length > 256 || !pointer.isWellFormed() || !pointer.startsWith('/$set/'))).toEqual([]);
    const [user] = (await (await um.send('GET', `/users?_id=${id}`)).json()) as Record<string, unknown>[];
    expect(user).toMatchObject({ site: 'Bern', userGroup: 'trial' });
  });
});
