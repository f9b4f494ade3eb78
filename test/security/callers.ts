import { randomUUID } from 'node:crypto';
import { createClient } from '../../src/user-manager/client-tokens.ts';
import type { TestUser, TestVitalgate } from '../setup/vitalgate.ts';
import table from './authorization.json' with { type: 'json' };

/** Everybody who may knock, and what they show. */
export const roles = [
  'nobody', 'patient', 'ended session', 'patient token', 'ended token', 'service', 'wrong service', 'operator', 'webhook key', 'revoked key', 'webhook password', 'webhook token', 'made-up session',
] as const;
export type Role = (typeof roles)[number];
export type Headers = Readonly<Record<string, string>>;

const admittedTo: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = table;

/** Who is admitted to an operation by the table that people keep: roles, or `everybody`. */
export const admittedBy = (service: string, operationId: string): readonly string[] => admittedTo[service]?.[operationId] ?? [];

/** Whether the table lets a role pass. */
export const mayPass = (service: string, operationId: string, role: Role): boolean => {
  const admitted = admittedBy(service, operationId);
  return admitted.includes('everybody') || admitted.includes(role);
};

/** What is shown to these counts no more afterwards. */
export const endsSessions: ReadonlySet<string> = new Set(['signOut', 'endSession', 'issueToken', 'signIn']);

/** The people and machines of a running Vitalgate, and how each of them shows who it is. */
export interface Callers {
  readonly anna: TestUser;
  readonly ben: TestUser;
  readonly chief: TestUser;
  /** Identifiers whose loss would end the play: those of the people and of their keys. */
  readonly protectedIds: readonly string[];
  /** Makes the headers of a role; for those with a session, a new one each time. */
  readonly shown: Readonly<Record<Role, () => Promise<Headers>>>;
  readonly session: (user: TestUser) => Promise<Headers>;
}

export const bearer = (token: string): Headers => ({ authorization: `Bearer ${token}` });

const tokenAt = async (userManager: string, { username, password }: TestUser): Promise<Headers> => {
  const answer = await fetch(`${userManager}/oauth/token`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ username, password }) });
  if (!answer.ok) throw new Error(`${username} could not sign in: ${String(answer.status)}`);
  return bearer(((await answer.json()) as { accessToken: string }).accessToken);
};

const webhookTokenAt = async ({ urls, database }: TestVitalgate): Promise<Headers> => {
  const { clientId, clientSecret } = await createClient(database.pool, { sender: 'portal' });
  const body = new URLSearchParams({ grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret });
  return bearer(((await (await fetch(`${urls.userManager}/oauth2/token`, { method: 'POST', body })).json()) as { access_token: string }).access_token);
};

/** Makes two patients, an operator, keys and credentials that have ended. */
export const createCallers = async (vitalgate: TestVitalgate): Promise<Callers> => {
  const { urls, serviceToken } = vitalgate;
  const [anna, ben] = [await vitalgate.addUser(), await vitalgate.addUser()];
  const chief = await vitalgate.addUser({ userGroup: 'operator' });
  const tokenOf = (user: TestUser) => tokenAt(urls.userManager, user);
  const session = async (user: TestUser): Promise<Headers> => ({ cookie: await vitalgate.signIn(user) });
  const [operator, ended, endedToken] = [await tokenOf(chief), await session(anna), await tokenOf(anna)];
  await fetch(`${urls.bff}/logout`, { method: 'POST', headers: ended });
  await fetch(`${urls.userManager}/logout`, { method: 'POST', headers: endedToken });
  const { key, _id: keyId } = await vitalgate.createWebhookKey('portal');
  const revoked = await vitalgate.createWebhookKey('gone');
  await fetch(`${urls.deviceManager}/api-keys/${revoked._id}`, { method: 'DELETE', headers: operator });
  const webhookToken = await webhookTokenAt(vitalgate);
  const fixed = (headers: Headers) => (): Promise<Headers> => Promise.resolve(headers);
  return {
    anna, ben, chief, session,
    protectedIds: [anna.id, ben.id, chief.id, keyId, revoked._id],
    shown: {
      nobody: fixed({}),
      patient: () => session(anna),
      'ended session': fixed(ended),
      'patient token': () => tokenOf(anna),
      'ended token': fixed(endedToken),
      service: fixed({ ...bearer(serviceToken), miauserid: anna.id }),
      'wrong service': fixed(bearer(`${serviceToken.slice(0, -1)}_`)),
      operator: () => tokenOf(chief),
      'webhook key': fixed({ 'x-api-key': key }),
      'revoked key': fixed({ 'x-api-key': revoked.key }),
      'webhook password': fixed({ authorization: `Basic ${Buffer.from(`portal:${key}`).toString('base64')}` }),
      'webhook token': fixed(webhookToken),
      'made-up session': () => Promise.resolve({ cookie: `sid=${randomUUID().replaceAll('-', '')}` }),
    },
  };
};
