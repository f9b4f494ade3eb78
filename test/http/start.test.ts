import { expect, test } from '@jest/globals';
import { compileItemSchema } from '../../src/http/item-schema.ts';
import { problemCatalogue } from '../../src/http/problem.ts';
import { openShelf, shelfSpec, type shelfDocument } from './shelf-service.ts';

const PORT = 0;

test('a scheme without authenticator stops the start', () => {
  expect(() => openShelf({ authenticators: { session: () => Promise.resolve(null) } })).toThrow('no authenticator for bearer');
});

test('an operation that says nothing about security stops the start', () => {
  const spec = shelfSpec((document) => { delete (document as { security?: unknown }).security; });
  expect(() => openShelf({ spec })).toThrow('addBook declares no security');
});

test('a missing and a surplus handler stop the start', () => {
  const spec = shelfSpec((document) => { document.paths['/books/lost'].get.operationId = 'listStolen'; });
  expect(() => openShelf({ spec })).toThrow('no handler for listStolen; no operation listLost for its handler');
});

test.each([
  {
    named: 'two operations with one id',
    change: ({ paths }: typeof shelfDocument): void => { paths['/books/lost'].get.operationId = 'listBooks'; },
    message: 'listBooks twice',
  },
  {
    named: 'an answer that refers to nothing',
    change: ({ paths }: typeof shelfDocument): void => { Object.assign(paths['/books'].get.responses[200], { content: { 'application/json': { schema: { items: { $ref: '#/components/schemas/Magazine' } } } } }); },
    message: 'has nothing at #/components/schemas/Magazine',
  },
  {
    named: 'a reference that leads nowhere',
    change: ({ components }: typeof shelfDocument): void => { Object.assign(components, { schemas: {} }); },
    message: 'has nothing at #/components/schemas/',
  },
])('$named cannot be loaded', ({ change, message }) => {
  expect(() => shelfSpec(change)).toThrow(message);
});

test('a schema that does not compile stops the start before a port is taken', async () => {
  const spec = shelfSpec((document) => { Object.assign(document.components.schemas.Book.properties.title, { pattern: '(' }); });
  await expect(openShelf({ spec }).service.listen(PORT, '127.0.0.1')).rejects.toThrow(/^Shelves does not work for: .*addBook/);
});

test('without the warm-up it starts, and what does not compile answers 500', async () => {
  const spec = shelfSpec((document) => { Object.assign(document.components.schemas.Book.properties.title, { pattern: '(' }); });
  const { service, errors } = openShelf({ spec, warmUp: false });
  const { url } = await service.listen(PORT, '127.0.0.1');
  const answer = await fetch(`${url}/books`, { method: 'POST', headers: { authorization: 'Bearer let-me-in', 'content-type': 'application/json' }, body: '{"title":"a"}' });
  await service.close();
  expect(answer.status).toBe(500);
  expect(errors).toHaveLength(1);
});

test('no handler is called by the warm-up', async () => {
  const { service, calls } = openShelf();
  await service.listen(PORT, '127.0.0.1');
  await service.close();
  expect(calls).toEqual([]);
});

test('the item schema judges one item and names the first fault', () => {
  const check = compileItemSchema(shelfSpec(), 'addSamples');
  expect(check({ startDate: '2026-01-01T00:00:00Z', extra: 1 })).toBeNull();
  expect(check({})).toEqual({ pointer: '/startDate', keyword: 'required' });
  expect(check({ startDate: 'yesterday' })).toEqual({ pointer: '/startDate', keyword: 'format' });
  expect(check({ startDate: '2026-01-01T00:00:00Z', value: '7' })).toEqual({ pointer: '/value', keyword: 'type' });
  expect(check(7)).toEqual({ pointer: '', keyword: 'type' });
});

test('every status of the catalogue is an error, and what is retryable is not the client\'s fault', () => {
  for (const [code, { status, retryable }] of Object.entries(problemCatalogue)) {
    expect(status).toBeGreaterThanOrEqual(400);
    // What is not offered, or does not open, is so the next time too.
    const stays = code === 'not-supported' || code === 'data-unreadable';
    expect(retryable).toBe((status >= 500 && !stays) || status === 429);
  }
});
