import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { Pool as HttpPool } from 'undici';
import { temporaryDirectory } from '../scripts/demo/program.ts';
import { openPool } from '../src/database/pool.ts';
import { hashOfToken, newSessionToken } from '../src/user-manager/session-token.ts';
import { inLanes, medianOf, spreadOf, timeOf, type Benchmark, type Findings } from './setup/benchmark.ts';
import { newPerson, startBenched } from './setup/person.ts';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 7);
const requestsPerRound = Number(process.env['BENCH_REQUESTS'] ?? 2000);
const connections = 8;

const startConstant = async (): Promise<{ url: string; stop: () => void }> => {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'setup', 'constant-server.ts')], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [port] = (await once(child.stdout, 'data')) as [Buffer];
  return { url: `http://127.0.0.1:${port.toString().trim()}`, stop: () => void child.kill() };
};

const asker = (url: string) => {
  const http = new HttpPool(url, { connections });
  const ask = async (cookie: string): Promise<void> => {
    const answer = await http.request({ path: '/profile', method: 'GET', headers: { cookie } });
    await answer.body.arrayBuffer();
    if (answer.statusCode !== 200) throw new Error(`the profile was answered ${String(answer.statusCode)}`);
  };
  return { ask, close: () => http.close() };
};

const run = async (): Promise<Findings> => {
  const directory = temporaryDirectory();
  const [program, constant] = [await startBenched(directory.path), await startConstant()];
  const pool = openPool(program.database, () => undefined);
  const [ours, bare] = [asker(program.bff), asker(constant.url)];
  try {
    const { username } = await newPerson(program);
    const { rows: [person] } = await pool.query<{ _id: string }>('select _id from user_manager.user_account where username = $1', [username]);
    /** Sessions as sign-ins leave them; the passwords of thousands of sign-ins would take minutes to hash. */
    const openSessions = async (): Promise<string[]> => {
      const tokens = Array.from({ length: requestsPerRound }, () => newSessionToken());
      await pool.query(
        `insert into user_manager.session (token_hash, user_id, kind, family, expires_at) select t.hash, $1, 'cookie', t.family, now() + interval '1 hour' from unnest($2::bytea[], $3::text[]) as t(hash, family)`,
        [person?._id, tokens.map(hashOfToken), tokens.map(() => randomUUID())],
      );
      return tokens.map((token) => `sid=${token}`);
    };
    const figures: Record<'profile' | 'bare', number[]> = { profile: [], bare: [] };
    for (let round = -1; round < rounds; round += 1) {
      const cookies = await openSessions();
      const bareMs = await timeOf(() => inLanes(connections, cookies, bare.ask));
      const profileMs = await timeOf(() => inLanes(connections, cookies, ours.ask));
      if (round < 0) continue; // warms up
      figures.bare.push((requestsPerRound * 1000) / bareMs);
      figures.profile.push((requestsPerRound * 1000) / profileMs);
    }
    return {
      figures: [{
        what: '`GET /profile` through BFF and User Manager', against: 'a bare express that answers a constant',
        reached: medianOf(figures.profile) / medianOf(figures.bare), bound: { is: 'at least', must: 0.1, aim: 0.2 },
      }],
      table: [
        ['', `${String(connections)} connections`],
        ['a bare express, requests a second', spreadOf(figures.bare)],
        ['profile, requests a second', spreadOf(figures.profile)],
      ],
    };
  } finally {
    await Promise.all([ours.close(), bare.close()]);
    constant.stop();
    await pool.end();
    await program.stop();
    directory.remove();
  }
};

/** The profile of who is signed in beside the least that a server can do. */
export const benchmark: Benchmark = {
  title: 'Profile',
  about: `Asks the BFF for the profile on ${String(connections)} connections, each time with another session, so that the User Manager is asked each time and no answer is remembered; beside it
a bare express 5 that answers a constant, as a process of its own. Ways alternate; one round warms up.`,
  remarks: `One request is three: to the BFF, from there to the User Manager, and to PostgreSQL, so that six writes to a socket take a quarter of the processor time. The rest
is spread over both services: Express and its router, the validator, the headers of safety, the audit of refusals, metrics, the check of each answer against the contract, of
which none takes more than a twentieth; collecting garbage takes a fifteenth. Node, PostgreSQL and the client share two cores.`,
  run,
};
