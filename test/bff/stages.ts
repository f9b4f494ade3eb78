import { randomBytes } from 'node:crypto';
import pino from 'pino';
import { createBff } from '../../src/bff/service.ts';
import { openPool, type Connection } from '../../src/database/pool.ts';
import { startForeignUpstreams, type ForeignUser } from '../players/foreign-upstreams.ts';
import { startTestVitalgate } from '../setup/vitalgate.ts';
import { appWith, cookieOf } from './app.ts';

/** A person who can sign in at the BFF. */
export interface Person {
  /** Whose samples they are. */
  readonly id: string;
  readonly sub: string;
  readonly username: string;
  readonly password: string;
}

/** The BFF in front of some upstreams, and what happens behind its back. */
export interface Stage {
  readonly bff: string;
  readonly serviceToken: string;
  readonly addUser: () => Promise<Person>;
  readonly block: (person: Person) => Promise<void> | void;
  /** Lets every session of a person run out. */
  readonly expire: (person: Person) => Promise<void> | void;
  /** Ends a session at the User Manager itself. */
  readonly signOutElsewhere: (cookie: string) => Promise<void>;
  /** The `deviceId` of a person's watch: the same for all where wearables are private to their person. */
  readonly watchOf: (person: Person) => string;
  /** Takes away what all answers stand on, until `regain`. */
  readonly lose: () => Promise<void>;
  readonly regain: () => Promise<void>;
  readonly logged: () => string;
  readonly stop: () => Promise<void>;
}

/** What our own upstreams do beyond the original public contract, and the BFF cannot do in their place. */
export type Extension = 'a list of devices' | 'a check who holds a device' | 'a verdict on duplicates';

const startOwnServices = async (): Promise<Stage> => {
  const vitalgate = await startTestVitalgate();
  const { pool } = vitalgate.database;
  const administration = openPool(JSON.parse(process.env['TEST_DATABASE'] ?? '{}') as Connection, () => undefined, 1);
  const { rows } = await pool.query<{ name: string }>('select current_database() as name');
  const database = rows[0]?.name ?? '';
  return {
    bff: vitalgate.urls.bff,
    serviceToken: vitalgate.serviceToken,
    addUser: async () => {
      const user = await vitalgate.addUser();
      return { ...user, sub: user.id };
    },
    block: async ({ id }) => {
      await pool.query('update user_manager.user_account set blocked = true where _id = $1', [id]);
    },
    expire: async ({ id }) => {
      await pool.query(`update user_manager.session set expires_at = now() - interval '1 second' where user_id = $1`, [id]);
    },
    signOutElsewhere: async (cookie) => {
      await fetch(`${vitalgate.urls.userManager}/logout`, { method: 'POST', headers: { cookie } });
    },
    watchOf: () => 'apple-12345',
    lose: async () => {
      await administration.query(`alter database ${database} with allow_connections false`);
      await administration.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [database]);
    },
    regain: async () => {
      await administration.query(`alter database ${database} with allow_connections true`);
    },
    logged: vitalgate.logged,
    stop: async () => {
      await administration.end();
      await vitalgate.stop();
    },
  };
};

const startOthersUpstreams = async (): Promise<Stage> => {
  const upstreams = await startForeignUpstreams();
  const lines: string[] = [];
  const people = new Map<string, ForeignUser>();
  const serviceToken = randomBytes(32).toString('base64url');
  const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) });
  const service = createBff({ deviceManagerUrl: upstreams.url, userManagerUrl: upstreams.url, serviceToken, userIdHeader: 'miauserid', secureCookies: false, log, version: '0.0.0', validateResponses: true, warmUp: false });
  const { url: bff } = await service.listen(0, '127.0.0.1');
  const known = ({ username }: Person): ForeignUser => {
    const user = people.get(username);
    if (user === undefined) throw new Error('the person was not added');
    return user;
  };
  return {
    bff,
    serviceToken,
    addUser: () => {
      const user = upstreams.users.add(`user-${randomBytes(4).toString('hex')}`, randomBytes(18).toString('base64url'));
      people.set(user.username, user);
      return Promise.resolve({ id: user._id ?? user.authUserId, sub: user.authUserId, username: user.username, password: user.password });
    },
    block: (person) => {
      upstreams.users.block(known(person));
    },
    expire: (person) => {
      upstreams.users.expire(known(person));
    },
    signOutElsewhere: async (cookie) => {
      await fetch(`${upstreams.url}/logout`, { headers: { cookie }, redirect: 'manual' });
    },
    watchOf: ({ username }) => `apple-of-${username}`,
    lose: upstreams.pause,
    regain: upstreams.resume,
    logged: () => lines.join(''),
    stop: async () => {
      await service.stop();
      await upstreams.stop();
    },
  };
};

/** The upstreams the BFF must work in front of: name, how to start them, and which of our extensions they lack. */
export const stages: readonly (readonly [string, () => Promise<Stage>, readonly Extension[]])[] = [
  ['our services', startOwnServices, []],
  ['upstreams of another vendor', startOthersUpstreams, ['a list of devices', 'a check who holds a device', 'a verdict on duplicates']],
];

/** Signs in at the BFF. */
export const appOf = async ({ bff }: Stage, { username, password }: Person) => {
  const answer = await appWith(bff, '').post('/oauth/token', { username, password });
  if (answer.status !== 200) throw new Error(`sign-in answered ${String(answer.status)}: ${await answer.text()}`);
  return appWith(bff, cookieOf(answer));
};
