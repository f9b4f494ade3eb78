import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pino from 'pino';
import { createBff } from '../../src/bff/service.ts';
import type { Service } from '../../src/http/service.ts';
import { json, type Answer } from '../players/answer.ts';
import { startAnsweringUpstream, type AnsweringUpstream } from '../players/answering-upstream.ts';
import { startDatabaseNetwork, type DatabaseNetwork } from '../players/database-network.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { announce, askerOf, credentialFor, declaring, isPlatform, operations, schemesOf, statusOf, urlFor, type Asked, type Asker } from './operation-request.ts';

const isOwn = (asked: Asked): boolean => !isPlatform(asked);
/** What must be asked for. */
const queries: Readonly<Record<string, string>> = {
  getChartData: '?normalizedDataType=heart-rate', getPatientChartData: '?normalizedDataType=heart-rate', getDetectionChartData: `?filters=${encodeURIComponent('[{"property":"planId","operator":"equal","value":"plan"}]')}`, changeHealthDataType: '?version=1001', retireHealthDataType: '?version=1001',
};
const queryFor = ({ id }: Asked): string => queries[id] ?? '';
const isOf = (service: string) => (asked: Asked): boolean => asked.service === service && isOwn(asked);

/** Refusals that every operation of a kind declares, each caused in a running program. What is particular to one operation has tests of its own. */
describe('every operation refuses as it declares', () => {
  let vitalgate: TestVitalgate;
  let asker: Asker;
  beforeAll(async () => {
    vitalgate = await startTestVitalgate({ JOBS: [] });
    asker = await askerOf(vitalgate);
  });
  afterAll(() => vitalgate.stop());

  test.each(declaring(400, isOwn))('$service $id: 400 to a query parameter that it does not have', async (asked) => {
    expect(await statusOf(asker, asked, { query: '?surprise=1' })).toBe(400);
  });

  test.each(declaring(401, (asked) => isOwn(asked) && schemesOf(asked).length > 0))('$service $id: 401 without a credential', async (asked) => {
    expect(await statusOf(asker, asked, { isKnown: false })).toBe(401);
  });

  const isOpenToPages = (asked: Asked): boolean => schemesOf(asked).length === 0 || ['session', 'clientCredential'].some((scheme) => schemesOf(asked).includes(scheme));
  test.each(declaring(403, (asked) => isOpenToPages(asked) && asked.operation.method !== 'GET'))('$service $id: 403 to a page of somebody else', async (asked) => {
    expect(await statusOf(asker, asked, { headers: { origin: 'https://elsewhere.example' } })).toBe(403);
  });

  const namesPerson = ({ operation: { parameters } }: Asked): boolean => parameters.some(({ name }) => name === 'Vitalgate-Expected-User');
  test.each(operations.filter(namesPerson))('$service $id: 409 while somebody else is signed in than the one who is named', async (asked) => {
    expect(asked.operation.responses.has('409')).toBe(true);
    expect(await statusOf(asker, asked, { headers: { 'vitalgate-expected-user': 'f'.repeat(32) } })).toBe(409);
  });

  test.each(declaring(404, ({ operation: { template } }) => template.includes('{')))('$service $id: 404 to an identifier that nothing has', async (asked) => {
    const seesAll = { ...asker, credentials: { ...asker.credentials, ...(schemesOf(asked).includes('operatorCredential') && { serviceCredential: asker.credentials['operatorCredential'] ?? {} }) } };
    expect(await statusOf(seesAll, asked, { query: queryFor(asked) })).toBe(404);
  });

  test.each(declaring(405))('$service $id: 405 to another method', async (asked) => {
    expect(await statusOf(asker, asked, { method: 'POST' })).toBe(405);
  });

  describe('413 to a body that is too large, before it is sent', () => {
    const answered = new Map<string, number>();
    // The services wait two seconds for bodies that they have refused: all at once.
    beforeAll(async () => {
      await Promise.all(declaring(413).map(async (asked) => {
        const type = asked.body === undefined ? {} : { 'content-type': asked.body.mediaType };
        answered.set(asked.id, await announce(urlFor(asker, asked), asked.operation.method, { ...credentialFor(asker, asked), ...type }, 50_000_000));
      }));
    });

    test.each(declaring(413))('$service $id', ({ id }) => {
      expect(answered.get(id)).toBe(413);
    });
  });

  test.each(operations.filter(isPlatform))('$service $id: 200 while all is well', async (asked) => {
    expect(await statusOf(asker, asked)).toBe(200);
  });

  test.each(declaring(415))('$service $id: 415 to a body of another type', async (asked) => {
    expect(await statusOf(asker, asked, { body: 'x', headers: { 'content-type': 'text/plain' } })).toBe(415);
  });
});

/** Answered without any of the services behind. */
const needsNobody = new Set(['getLimits', 'showPasswordReset', 'showPatientPage', 'getPageScript', 'getPageStyle', 'getPageLicences']);

describe('every operation of the BFF tells trouble behind it as it declares', () => {
  let upstream: AnsweringUpstream;
  let bff: Service;
  let url: string;
  let sids = 0;
  beforeAll(async () => {
    upstream = await startAnsweringUpstream();
    bff = createBff({ deviceManagerUrl: upstream.url, userManagerUrl: upstream.url, serviceToken: 's'.repeat(40), userIdHeader: 'miauserid', secureCookies: false, log: pino({ level: 'silent' }), version: '0.0.0', validateResponses: true, warmUp: false });
    ({ url } = await bff.listen(0, '127.0.0.1'));
  });
  afterAll(async () => {
    await bff.stop();
    await upstream.stop();
  });

  /** Sessions are known for a second: each question comes with another one. */
  const ask = (asked: Asked, answer: Answer | 'nothing'): Promise<number> => {
    upstream.answer(answer, asked.id === 'getProfile');
    sids += 1;
    return statusOf({ base: { bff: url }, credentials: { session: { cookie: `sid=made-up-${sids}` } }, given: {} }, asked, { query: queryFor(asked) });
  };

  test.each(declaring(429, isOf('bff')))('$id: 429 where a service behind asks for patience', async (asked) => {
    expect(await ask(asked, json({ message: 'later' }, 429))).toBe(429);
  });

  test.each(declaring(501, isOf('bff')))('$id: 501 where a service behind does not know it', async (asked) => {
    expect(await ask(asked, json({ statusCode: 404, error: 'Not Found', message: 'Route not found' }, 404))).toBe(501);
  });

  test.each(declaring(502, isOf('bff')))('$id: 502 where a service behind answers nonsense', async (asked) => {
    expect(await ask(asked, { status: 200, headers: { 'content-type': 'text/html' }, body: '<p>Welcome</p>' })).toBe(502);
  });

  test.each(declaring(503, (asked) => isOf('bff')(asked) && !needsNobody.has(asked.id)))('$id: 503 where a service behind breaks off', async (asked) => {
    expect(await ask(asked, 'nothing')).toBe(503);
  });
});

describe('every operation of the Device Manager that asks who an operator is', () => {
  let vitalgate: TestVitalgate;
  let upstream: AnsweringUpstream;
  beforeAll(async () => {
    upstream = await startAnsweringUpstream();
    vitalgate = await startTestVitalgate({ JOBS: [], USER_MANAGER_URL: upstream.url });
  });
  afterAll(async () => {
    await vitalgate.stop();
    await upstream.stop();
  });

  test.each(declaring(502, isOf('device-manager')))('$id: 502 where the User Manager answers nonsense', async (asked) => {
    upstream.answer({ status: 200, headers: { 'content-type': 'text/html' }, body: '<p>Welcome</p>' }, true);
    const stranger = { base: { 'device-manager': vitalgate.urls.deviceManager }, credentials: { operatorCredential: { authorization: `Bearer made-up-${asked.id}` } }, given: {} };
    expect(await statusOf(stranger, asked)).toBe(502);
  });
});

/** Answered without the database, but for who asks. */
const needsNoTables = new Set(['getCapabilityStatement', 'listPrototypes']);
const hasTables = (asked: Asked): boolean => asked.service !== 'bff' && isOwn(asked) && !needsNoTables.has(asked.id);

describe('every operation of a service with a database', () => {
  let vitalgate: TestVitalgate;
  let network: DatabaseNetwork;
  let asker: Asker;
  const shownPatient = '9c86fda0197f4d0e8780daae45bac2f8';
  // What no patient may do for themselves, a service does for all.
  const forAll = new Set(['registerDevice', 'assignDeviceToPatient', 'erasePatient', 'exportPatient']);
  const ask = (asked: Asked): Promise<number> => {
    const { authorization = '' } = asker.credentials['serviceCredential'] ?? {};
    const who = forAll.has(asked.id) ? { ...asker, given: { patientId: shownPatient }, credentials: { ...asker.credentials, serviceCredential: { authorization } } } : asker;
    return statusOf(who, asked, { query: queryFor(asked) });
  };
  beforeAll(async () => {
    vitalgate = await startTestVitalgate({ JOBS: [], TMM_SERVICE_URL: 'http://127.0.0.1:9' }, async (databaseUrl) => {
      network = await startDatabaseNetwork(databaseUrl);
      return network.url;
    });
    asker = await askerOf(vitalgate);
  });
  afterAll(async () => {
    network.cutAll(false);
    await vitalgate.stop();
    await network.stop();
  });

  describe('while the database cannot be reached', () => {
    beforeAll(() => network.cutAll(true));
    afterAll(() => network.cutAll(false));

    test.each(declaring(503, hasTables))('$service $id: 503', async (asked) => {
      expect(await ask(asked)).toBe(503);
    });

    test.each(declaring(503, (asked) => isPlatform(asked) && asked.service !== 'bff'))('$service $id: 503', async (asked) => {
      expect(await statusOf(asker, asked)).toBe(503);
    });
  });

  describe.each(['device-manager', 'user-manager'])('with tables of the %s gone', (service) => {
    const schema = service.replace('-', '_');
    beforeAll(() => vitalgate.database.pool.query(`alter schema ${schema} rename to elsewhere; alter schema graphile_worker rename to jobs_elsewhere`));
    afterAll(() => vitalgate.database.pool.query(`alter schema elsewhere rename to ${schema}; alter schema jobs_elsewhere rename to graphile_worker`));

    test.each(declaring(500, (asked) => asked.service === service && hasTables(asked)))('$id: 500', async (asked) => {
      expect(await ask(asked)).toBe(500);
    });
  });
});
