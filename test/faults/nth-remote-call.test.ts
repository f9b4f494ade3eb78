import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { PrototypeSchema } from '../../src/therapy-monitoring/service.ts';
import { answered } from '../device-manager/client.ts';
import { startNetwork, type Cut, type Network } from '../players/network.ts';
import { startTherapyMonitoring, type TherapyMonitoringPlayer } from '../players/therapy-monitoring.ts';
import { startMailServer, type MailServer } from '../setup/mail-server.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { jobUseCases } from './job-use-cases.ts';
import { sweep, sweptJobs } from './sweep.ts';
import { useCases, type World } from './use-cases.ts';

type Place = 'userManager' | 'deviceManager' | 'mail' | 'tmm';

let [networks, vitalgate, mails, tmm, world]: [Record<Place, Network>, TestVitalgate, MailServer, TherapyMonitoringPlayer, World] = [] as never;
beforeAll(async () => {
  const [userManager, deviceManager, mail, toTmm] = [await startNetwork(), await startNetwork(), await startNetwork(), await startNetwork()];
  networks = { userManager, deviceManager, mail, tmm: toTmm };
  const urlOf = ({ port }: Network, scheme = 'http') => `${scheme}://127.0.0.1:${String(port)}`;
  [mails, tmm] = [await startMailServer(), await startTherapyMonitoring()];
  vitalgate = await startTestVitalgate({
    JOBS: sweptJobs, PASSWORD_RESETS_PER_HOUR: 100_000, UPLOADS_PER_MINUTE: 100_000, TMM_RETRY_SECONDS: 0.02, TMM_TIMEOUT_SECONDS: 2,
    USER_MANAGER_URL: urlOf(userManager), DEVICE_MANAGER_URL: urlOf(deviceManager), SMTP_URL: urlOf(mail, 'smtp'), TMM_SERVICE_URL: urlOf(toTmm),
  });
  const to = { userManager: vitalgate.urls.userManager, deviceManager: vitalgate.urls.deviceManager, mail: mails.url, tmm: tmm.url };
  for (const [place, network] of Object.entries(networks)) network.lead({ host: '127.0.0.1', port: Number(new URL(to[place as Place]).port) });
  tmm.readPrototypes(await answered<PrototypeSchema[]>(fetch(`${vitalgate.urls.deviceManager}/prototypes`)));
  world = { ...vitalgate, mailsTo: (address) => Promise.resolve(mails.delivered.filter(({ recipients }) => recipients.includes(address)).map(({ raw }) => raw)) };
});
afterAll(async () => {
  await vitalgate.stop();
  await mails.stop();
  await tmm.kill();
  for (const network of Object.values(networks)) await network.stop();
});

/** Who is asked in which use case. */
const asked: readonly (readonly [Place, string])[] = [
  ['userManager', 'a sign-in'], ['userManager', 'the enrolment of a device'], ['userManager', 'an upload'], ['userManager', 'setting a new password'], ['userManager', 'a wish for a new password'],
  ['userManager', 'an erasure of all of a patient'], ['userManager', 'an archive of all of a patient'],
  ['deviceManager', 'the enrolment of a device'], ['deviceManager', 'an upload'], ['deviceManager', 'a deletion of samples'], ['deviceManager', 'new data keys'],
  ['mail', 'a wish for a new password'], ['mail', 'setting a new password'], ['tmm', 'a submission of detections'],
];

describe.each(['before', 'after'] as const)('when the n-th call fails %s it is done', (cut: Cut) => {
  test.each(asked)('to %s, in %s: answered as declared, and done once', async (place, name) => {
    const prepare = { ...useCases(world), ...jobUseCases(world, tmm) }[name];
    if (prepare === undefined) throw new Error(name);
    expect(await sweep({ world, name, prepare, calls: networks[place], cut })).toBeGreaterThan(0);
    expect(vitalgate.logged()).not.toContain('internal error');
  });
});
