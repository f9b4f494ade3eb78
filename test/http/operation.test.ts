import { expect, test } from '@jest/globals';
import { noBody, type AnyHandler, type Handlers } from '../../src/http/operation.ts';

interface Book { readonly id: string; readonly colour: 'red' | 'blue' }

/** In the shape openapi-typescript gives its `operations`. */
interface Operations {
  readonly getBook: {
    readonly parameters: { readonly query?: { readonly limit?: number }; readonly header?: { readonly Prefer?: string }; readonly path: { readonly id: string }; readonly cookie?: never };
    readonly requestBody?: never;
    readonly responses: {
      readonly 200: { readonly headers: Readonly<Record<string, unknown>>; readonly content: { readonly 'application/json': Book } };
      readonly 404: { readonly headers: Readonly<Record<string, unknown>>; readonly content: { readonly 'application/problem+json': object } };
    };
  };
  readonly lendBook: {
    readonly parameters: { readonly query?: never; readonly header?: never; readonly path?: never; readonly cookie?: never };
    readonly requestBody?: { readonly content: { readonly 'application/json': { readonly until?: string } } };
    readonly responses: { readonly 204: { readonly headers: Readonly<Record<string, unknown>>; readonly content?: never } };
  };
}

type Caller = { readonly userId: string };
const book: Book = { id: 'a', colour: 'red' };

const complete: Handlers<Operations, Caller, 'lendBook'> = {
  getBook: ({ path, query, headers, caller }) => ({ status: 200, body: { ...book, id: `${path.id}${query.limit ?? 0}${headers.prefer ?? ''}${caller.userId}` } }),
  lendBook: ({ body, caller }) => {
    const absent: undefined = caller;
    return { status: 204, headers: { 'X-Until': body?.until ?? String(absent) } };
  },
};

const { getBook, lendBook } = complete;

// @ts-expect-error -- an operation without handler does not compile
const missing: Handlers<Operations, Caller> = { getBook };

// @ts-expect-error -- a handler without operation does not compile
const surplus: Handlers<Operations, Caller, 'lendBook'> = { getBook, lendBook, burnBook: lendBook };

// @ts-expect-error -- a problem status is thrown, never returned
const undeclared: Pick<Handlers<Operations, Caller>, 'getBook'> = { getBook: () => ({ status: 404, body: book }) };

// @ts-expect-error -- a value outside the enum does not compile
const wrongEnum: Pick<Handlers<Operations, Caller>, 'getBook'> = { getBook: () => ({ status: 200, body: { id: 'a', colour: 'green' } }) };

// @ts-expect-error -- a status with content needs its body
const bodiless: Pick<Handlers<Operations, Caller>, 'getBook'> = { getBook: () => ({ status: 200 }) };

const markedEmpty: Pick<Handlers<Operations, Caller>, 'getBook'> = { getBook: () => ({ status: 200, body: noBody }) };

/** What a service hands to the server. */
const handed: Readonly<Record<string, AnyHandler>> = complete;

test('the compiler holds handlers to the declared operations; what it refuses is marked above', () => {
  expect([handed, missing, surplus, undeclared, wrongEnum, bodiless, markedEmpty]).toHaveLength(7);
});
