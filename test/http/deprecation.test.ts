import { describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { loadSpec } from '../../src/http/spec.ts';
import { openShelf, shelfDocument } from './shelf-service.ts';

/** The shelf service's specification with one operation that is on its way out. */
const deprecating = (days: object) => {
  const document = structuredClone(shelfDocument);
  Object.assign(document.paths['/books/lost'].get, { deprecated: true, ...days });
  return document;
};
const shelf = openShelf({ spec: loadSpec(deprecating({ 'x-deprecated-on': '2026-11-01', 'x-sunset': '2027-03-31' })) });
const told = { deprecation: '@1793491200', sunset: 'Wed, 31 Mar 2027 00:00:00 GMT' };

describe('answers of a deprecated operation say since when and until when', () => {
  test.each([
    { situation: 'when it answers', path: '/books/lost', authorization: 'Bearer let-me-in', status: 200 },
    { situation: 'when it refuses', path: '/books/lost', authorization: 'Bearer nobody', status: 401 },
    { situation: 'when the query is wrong', path: '/books/lost?colour=red', authorization: 'Bearer let-me-in', status: 400 },
  ])('$situation', async ({ path, authorization, status }) => {
    const answer = await request(shelf.service.app).get(path).set({ authorization });
    expect(answer.status).toBe(status);
    expect(answer.headers).toMatchObject(told);
  });

  test('and those of others say nothing', async () => {
    const { headers } = await request(shelf.service.app).get('/books').set({ authorization: 'Bearer let-me-in' });
    expect(Object.keys(headers).filter((name) => name in told)).toEqual([]);
  });
});

describe('a specification is refused whose deprecated operation', () => {
  test.each<[string, object]>([
    ['has no days', {}],
    ['does not say until when', { 'x-deprecated-on': '2026-11-01' }],
    ['does not say since when', { 'x-sunset': '2027-03-31' }],
    ['names no real day', { 'x-deprecated-on': '2026-11-01', 'x-sunset': '2027-02-30' }],
    ['ends before it is deprecated', { 'x-deprecated-on': '2027-03-31', 'x-sunset': '2026-11-01' }],
  ])('%s', (_situation, days) => {
    expect(() => loadSpec(deprecating(days))).toThrow('listLost is deprecated: give it x-deprecated-on and a later x-sunset');
  });
});
