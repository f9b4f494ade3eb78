import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { heartRates } from './app.ts';

/** A person's phone that uploads without end, and sends what was not acknowledged once more, wherever somebody answers. */
export interface Phone {
  readonly patientId: string;
  /** Identifiers of acknowledged samples, in order. */
  readonly acknowledged: readonly string[];
  /** How many samples were sent at all, and answers that are neither success nor 503. */
  readonly sent: () => number;
  readonly undeclared: readonly string[];
  /** Ends after the upload under way is acknowledged. */
  readonly stop: () => Promise<void>;
}

const samplesPerUpload = 10;
const json = { 'content-type': 'application/json' };

interface UserManagerAccess {
  readonly userManager: string;
  readonly serviceToken: string;
}

interface Addresses extends UserManagerAccess {
  readonly bffs: () => readonly string[];
}

/** A new person who can sign in. */
export const addUser = async ({ userManager, serviceToken }: UserManagerAccess): Promise<{ _id: string; username: string; password: string; email: string }> => {
  const username = `phone-${randomUUID()}`;
  const person = { username, password: randomUUID() + randomUUID(), email: `${username}@example.org` };
  const added = await fetch(`${userManager}/users`, { method: 'POST', headers: { ...json, authorization: `Bearer ${serviceToken}` }, body: JSON.stringify(person) });
  return { ...person, _id: ((await added.json()) as { _id: string })._id };
};

/** Signs a new person in at one BFF, and has the phone use any of them. */
export const startPhone = async (addresses: Addresses): Promise<Phone> => {
  const { _id: patientId, username, password } = await addUser(addresses);
  const [first = ''] = addresses.bffs();
  const signedIn = await fetch(`${first}/oauth/token`, { method: 'POST', headers: json, body: JSON.stringify({ username, password }) });
  const cookie = signedIn.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  const send = (bff: string, path: string, body: unknown) => fetch(`${bff}${path}`, { method: 'POST', headers: { ...json, cookie }, body: JSON.stringify(body), signal: AbortSignal.timeout(15_000) });
  const enrolled = await send(first, '/devices/assign', { deviceId: 'watch', deviceType: 'Wearable', deviceProvider: 'apple-healthkit' });
  if (!enrolled.ok) throw new Error(`enrolment answered ${String(enrolled.status)}`);
  const [acknowledged, undeclared]: [string[], string[]] = [[], []];
  let [sent, tries, isStopping] = [0, 0, false];
  const deliver = async (batch: unknown): Promise<string[]> => {
    for (;;) {
      const bffs = addresses.bffs();
      const answer = await send(bffs[(tries += 1) % bffs.length] ?? '', '/health-data?type=HeartRate&unit=bpm', batch).catch(() => undefined);
      if (answer?.status === 200) {
        const receipt = await answer.json().catch(() => undefined) as { items: { _id: string }[] } | undefined;
        if (receipt !== undefined) return receipt.items.map(({ _id }) => _id);
      } else if (answer !== undefined && answer.status !== 503) undeclared.push(`${String(answer.status)} ${await answer.text()}`);
      await sleep(50);
    }
  };
  const run = async (): Promise<void> => {
    while (!isStopping) {
      const batch = heartRates(sent, samplesPerUpload);
      sent += samplesPerUpload;
      acknowledged.push(...(await deliver(batch)));
    }
  };
  const ended = run();
  return {
    patientId, acknowledged, undeclared,
    sent: () => sent,
    stop: () => {
      isStopping = true;
      return ended;
    },
  };
};
