import { describe, expect, test } from '@jest/globals';
import { specifications } from './specifications.ts';

const operationsOf = (service: string) => specifications.find((one) => one.service === service)?.spec.operations ?? [];

/** The endpoints of the original User Manager, and what they answer when all is well; their behaviour is tested under these names. */
describe('the endpoints of the original User Manager are specified', () => {
  test.each<[string, string, string]>([
    ['POST', '/oauth/token', '200'], ['POST', '/refreshtoken', '200'], ['GET', '/userinfo', '200'], ['POST', '/users/change-password', '204'],
    ['POST', '/jobs/change-password/bulk', '202'], ['GET', '/jobs/change-password/bulk/{id}', '200'], ['POST', '/users', '200'], ['POST', '/users/with-id', '200'],
    ['POST', '/users/register', '204'], ['GET', '/users', '200'], ['GET', '/users/count', '200'], ['PATCH', '/users/{id}', '200'], ['DELETE', '/users/{id}', '204'],
    ['POST', '/users/state', '200'], ['POST', '/users/{id}/soft-delete', '204'], ['PATCH', '/users/import', '200'], ['POST', '/jobs/bulk-activation', '202'], ['GET', '/jobs/bulk-activation/{id}', '200'],
  ])('%s %s answers %s', (method, template, status) => {
    const operation = operationsOf('user-manager').find((one) => one.method === method && one.template === template);
    expect([...(operation?.responses.keys() ?? [])]).toContain(status);
    if (status === '204') expect(operation?.responses.get(status)?.mediaTypes).toEqual([]);
  });
});
