import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startDatabaseNetwork, type DatabaseNetwork } from '../players/database-network.ts';
import type { Cut } from '../players/network.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { sweep } from './sweep.ts';
import { useCases } from './use-cases.ts';

let vitalgate: TestVitalgate;
let network: DatabaseNetwork;
beforeAll(async () => {
  // Without jobs, every statement is one of the request's.
  vitalgate = await startTestVitalgate({ JOBS: [], PASSWORD_RESETS_PER_HOUR: 100_000, UPLOADS_PER_MINUTE: 100_000 }, async (url) => {
    network = await startDatabaseNetwork(url);
    return network.url;
  });
});
afterAll(async () => {
  await vitalgate.stop();
  await network.stop();
});

describe.each(['before', 'after'] as const)('when the connection to the database breaks %s the n-th statement is done', (cut: Cut) => {
  test.each(Object.keys(useCases({} as TestVitalgate)))('%s is answered 503 or done, and done once when it is repeated', async (name) => {
    const prepare = useCases(vitalgate)[name];
    if (prepare === undefined) throw new Error(name);
    expect(await sweep({ world: vitalgate, name, prepare, calls: network, cut })).toBeGreaterThan(2);
    expect(vitalgate.logged()).not.toContain('internal error');
  });
});
