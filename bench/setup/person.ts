import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startPlainProgram } from '../../scripts/demo/program.ts';
import type { ServerFile } from '../../src/server-file.ts';

/** The program as operators run it, with the addresses of its services. */
export interface BenchedProgram {
  readonly pid: number;
  readonly dataDirectory: string;
  readonly database: ServerFile['database'];
  readonly bff: string;
  readonly deviceManager: string;
  readonly userManager: string;
  readonly serviceToken: string;
  readonly stop: () => Promise<unknown>;
}

/** Someone who can sign in. */
export interface Person {
  readonly username: string;
  readonly password: string;
}

/** What differs from the settings that a program has by itself: quiet logs, and no bound on how many uploads one person makes in a minute. */
export const benchedSettings = { LOG_LEVEL: 'warn', UPLOADS_PER_MINUTE: '1000000' } as const;

/** Starts the program with `benchedSettings`. `BENCH_PROFILE` names a folder for a profile of its processor time, `BENCH_DATABASE_URL` another PostgreSQL. */
export const startBenched = async (dataDirectory: string): Promise<BenchedProgram> => {
  const { BENCH_PROFILE: profile, BENCH_DATABASE_URL: databaseUrl } = process.env;
  const { server: { urls: { bff, deviceManager, userManager }, database }, pid, stop } = await startPlainProgram(dataDirectory, {
    ...benchedSettings, ...(databaseUrl !== undefined && { DATABASE_URL: databaseUrl }), ...(profile !== undefined && { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profile}` }),
  });
  if (bff === undefined || deviceManager === undefined || userManager === undefined) throw new Error('not all services run');
  return { pid, database, bff, deviceManager, userManager, dataDirectory, stop, serviceToken: readFileSync(join(dataDirectory, 'service-token'), 'utf8').trim() };
};

/** Makes a new person. */
export const newPerson = async ({ userManager, serviceToken }: Pick<BenchedProgram, 'userManager' | 'serviceToken'>): Promise<Person> => {
  const person = { username: `bench-${randomUUID()}`, password: randomUUID() + randomUUID() };
  const answer = await fetch(`${userManager}/users`, { method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${serviceToken}` }, body: JSON.stringify({ ...person, email: `${person.username}@example.org` }) });
  if (!answer.ok) throw new Error(`the user was refused: ${String(answer.status)}`);
  return person;
};

/** Signs a person in with a Watch; answers the Cookie header. */
export const signInWithWatch = async ({ bff }: Pick<BenchedProgram, 'bff'>, person: Person): Promise<string> => {
  const json = { 'content-type': 'application/json' };
  const answer = await fetch(`${bff}/oauth/token`, { method: 'POST', headers: json, body: JSON.stringify(person) });
  const cookie = answer.headers.getSetCookie()[0]?.split(';')[0];
  if (cookie === undefined) throw new Error(`sign-in answered ${String(answer.status)}`);
  const watch = { deviceId: 'watch', deviceType: 'Wearable', deviceProvider: 'apple-healthkit', name: 'Watch' };
  const assigned = await fetch(`${bff}/devices/assign`, { method: 'POST', headers: { ...json, cookie }, body: JSON.stringify(watch) });
  if (!assigned.ok) throw new Error(`enrolment answered ${String(assigned.status)}`);
  return cookie;
};
