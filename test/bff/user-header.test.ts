import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { clientWith, newPatient, watch } from '../device-manager/client.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { heartRate, signedIn } from './app.ts';

describe('with USERID_HEADER_KEY=x-patient', () => {
  let vitalgate: TestVitalgate;
  beforeAll(async () => {
    vitalgate = await startTestVitalgate({ USERID_HEADER_KEY: 'x-patient' });
  }, 60_000);
  afterAll(() => vitalgate.stop());

  test('the BFF names the patient to the Device Manager by that header, from enrolment to upload', async () => {
    const { username, password } = await vitalgate.addUser();
    const app = await signedIn(vitalgate.urls.bff, username, password);
    expect((await app.post('/devices/assign', watch)).status).toBe(200);
    const receipt = await (await app.post('/health-data', [heartRate('B9480B59-3A05-416C-97CF-E0DE431ADCB5', 0)])).json();
    expect(receipt).toMatchObject({ received: 1, created: 1 });
  });

  test.each([
    ['the usual header', { miauserid: newPatient() }],
    ['no header', {}],
  ])('%s names nobody, and the refusal tells the true name', async (_situation, headers) => {
    const client = clientWith(vitalgate.urls.deviceManager, { authorization: `Bearer ${vitalgate.serviceToken}`, ...headers });
    const answer = await client.post('/health-data/healthkit', []);
    expect(answer.status).toBe(400);
    const body = await answer.text();
    expect(JSON.parse(body)).toMatchObject({ code: 'user-header-missing', errors: [{ pointer: '/headers/x-patient' }] });
    expect(body).not.toContain('miauserid');
  });
});
