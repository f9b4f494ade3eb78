import { describe, expect, test } from '@jest/globals';
import bff from '../../generated/bff.json' with { type: 'json' };
import deviceManager from '../../generated/device-manager.json' with { type: 'json' };
import userManager from '../../generated/user-manager.json' with { type: 'json' };
import { itemCodes } from '../../src/healthkit/item-error.ts';
import { problemCatalogue } from '../../src/http/problem.ts';

interface Specification {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly operationId?: string }>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, { readonly enum?: readonly string[] }>> };
}
const specifications = Object.entries({ bff, deviceManager, userManager } as unknown as Record<string, Specification>);

describe('the contract', () => {
  test.each(specifications)('%s lists the problem codes of the catalogue', (_name, { components }) => {
    expect(components.schemas['ProblemCode']?.enum?.toSorted()).toEqual(Object.keys(problemCatalogue).toSorted());
  });

  test('the BFF lists the codes of refused samples', () => {
    expect((bff as unknown as Specification).components.schemas['ItemCode']?.enum?.toSorted()).toEqual(itemCodes.toSorted());
  });

  test('no two operations of the three services have the same operationId', () => {
    const ids = specifications.flatMap(([, { paths }]) => Object.values(paths).flatMap((item) => Object.values(item).map(({ operationId }) => operationId)));
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
  });
});
