import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import spec from '../../generated/user-manager.json' with { type: 'json' };
import type { operations } from '../../generated/user-manager.d.ts';
import { startChainer } from '../audit/chainer.ts';
import { createRefusalRecorder } from '../audit/refusal-recorder.ts';
import type { RefusalRules } from '../audit/refusal.ts';
import type { Pool } from '../database/pool.ts';
import { inTransaction, isUnavailable } from '../database/transaction.ts';
import type { Handlers } from '../http/operation.ts';
import { createOriginCheck } from '../http/origin-check.ts';
import { problem } from '../http/problem.ts';
import { createSourceReader, createTrust } from '../http/request-source.ts';
import type { Service } from '../http/service.ts';
import { createServiceServer } from '../http/service-server.ts';
import { loadSpec } from '../http/spec.ts';
import { JobStillRunsError } from '../jobs/forgetting.ts';
import { auditGauges } from '../metrics/audit-gauges.ts';
import type { GaugeSource } from '../metrics/gauge.ts';
import { jobGauges } from '../metrics/job-gauges.ts';
import { poolGauges } from '../metrics/pool-gauges.ts';
import { createAuthenticators } from './authentication.ts';
import { backgroundJobs } from './background-jobs.ts';
import { startBulkJob } from './bulk-jobs.ts';
import { auditActorOf, type Caller } from './caller.ts';
import type { MemberFault } from './domain/user-account.ts';
import { createClientTokens } from './client-tokens.ts';
import { backgroundJobHandlers } from './handlers/background-jobs.ts';
import { bulkJobHandlers } from './handlers/bulk-jobs.ts';
import { clientHandlers } from './handlers/clients.ts';
import { passwordResetHandlers } from './handlers/password-reset.ts';
import { sessionHandlers } from './handlers/sessions.ts';
import { userAuditHandlers } from './handlers/user-audit.ts';
import { userImportHandlers } from './handlers/user-import.ts';
import { userSearchHandlers } from './handlers/user-search.ts';
import { userStateHandlers } from './handlers/user-states.ts';
import { userHandlers, type UserPorts } from './handlers/users.ts';
import { createOwnPasswordChange } from './password-change.ts';
import { createPasswordCheck } from './password-check.ts';
import { createPasswords, HashingBusyError, type Passwords } from './password.ts';
import { activate, register } from './registration.ts';
import { removeUser, signOutUser, type UserRemoving } from './user-removal.ts';
import { requestReset, requestResetOf, resetPassword } from './resetting.ts';
import { createSignInAttempts } from './sign-in-attempts.ts';
import { createSignIn, type SessionDurations } from './sign-in.ts';
import { hashOfToken } from './session-token.ts';
import { recordAudit } from './storage/audit-table.ts';
import { findBulkJob } from './storage/bulk-job-table.ts';
import { findClient } from './storage/client-table.ts';
import { findSessionUser } from './storage/session-table.ts';
import { publishedSigningKeys } from './storage/signing-key-table.ts';
import { findUser } from './storage/user-table.ts';
import { countUsers, findUsers } from './storage/user-search.ts';
import { changeUser, moveUsers, softDelete } from './user-change.ts';
import { eraseUser } from './user-erasure.ts';
import { auditOfUser, exportUser } from './user-export.ts';
import { importUsers } from './user-import.ts';
import { requestErasure } from './upstream/device-manager.ts';
import { startJobs, type JobDependencies } from './workers/start.ts';
import { taskNames } from './workers/tasks.ts';

/** What the User Manager needs; its schema must have been migrated. */
export interface UserManagerDependencies extends SessionDurations, UserRemoving, JobDependencies {
  readonly pool: Pool;
  /** The current service token and, while rotating, the one before. */
  readonly serviceTokens: readonly string[];
  /** Where the Device Manager is, as soon as it listens. */
  readonly deviceManagerUrl: () => string | undefined;
  /** Where this service is reached: tokens of clients name it. */
  readonly issuer: () => string;
  readonly version: string;
  /** Members of a user that `/userinfo` answers beside the claims; all when undefined. */
  readonly userInfoMembers: readonly string[] | undefined;
  /** Whose pages may change something, beside the own ones; see the BFF. */
  readonly allowedOrigins?: readonly string[];
  /** Addresses and networks of the proxies in front. */
  readonly trustedProxies?: readonly string[];
  /** People reach the service by https, wherever TLS ends. */
  readonly isPublicHttps?: boolean;
  /** Default: those of createPasswords. */
  readonly passwords?: Passwords;
  /** False only where the public address is http on loopback. */
  readonly secureCookies: boolean;
  /** Figures of the process. */
  readonly gauges?: readonly GaugeSource[];
  readonly validateResponses?: boolean;
  readonly warmUp?: boolean;
}

/** Members that the other services know a person by; they are answered whatever is chosen. */
const whoItIs = ['_id', 'userGroup'];

type PlatformOperation = Extract<keyof operations, `userManager${string}`>;

/** Hashing is bounded: who comes when the queue is full is asked to come back. */
const bounded = (passwords: Passwords): Passwords => {
  const orBusy = async <Result>(work: Promise<Result>): Promise<Result> => {
    try {
      return await work;
    } catch (error) {
      throw error instanceof HashingBusyError ? problem('unavailable', { retryAfterSeconds: 2 }) : error;
    }
  };
  return {
    faultOf: passwords.faultOf,
    hash: (password) => orBusy(passwords.hash(password)),
    check: (password, stored) => orBusy(passwords.check(password, stored)),
  };
};

const userPorts = (dependencies: UserManagerDependencies, passwords: Passwords, { pool, groups } = dependencies): UserPorts => ({
  groups,
  register: (person, sendResetMail) =>
    inTransaction(pool, async (client) => {
      const outcome = await register(client, passwords, person);
      if ('_id' in outcome && sendResetMail) await requestReset(client, outcome._id);
      return outcome;
    }),
  activate: async (id, password, updaterId, sendResetMail) => {
    const user = await findUser(pool, id);
    if (user === undefined) return 'not-found';
    const fault = password === undefined ? undefined : passwords.faultOf(password, user);
    if (fault !== undefined) return { passwordFault: fault };
    const passwordHash = password === undefined ? undefined : await passwords.hash(password);
    return inTransaction(pool, async (client) => {
      const outcome = await activate(client, { id, passwordHash, updaterId }, groups.authUserCreationDisabled);
      if (outcome === 'activated' && sendResetMail) await requestReset(client, id);
      return outcome;
    });
  },
  change: (id, commands, updaterId) => changeUser(pool, groups, id, commands, updaterId),
  remove: (id, updaterId) => removeUser(dependencies, id, updaterId),
  exported: async (id, actor) => {
    const found = await exportUser(pool, id);
    if (found) await recordAudit(pool, { event: 'patient-exported', actor, patientId: found.user.id, resource: 'user' });
    return found;
  },
  erase: (id, auditPseudonym) => eraseUser(dependencies, { id, auditPseudonym, actor: 'service' }),
  signOut: (id, updaterId) => signOutUser(pool, id, updaterId),
});

/** Judges members by what the specification lets `$set` set. */
const memberCheck = (): ((members: Readonly<Record<string, unknown>>) => readonly MemberFault[]) => {
  const ajv = new Ajv2020({ strict: false, validateSchema: false });
  formats.default(ajv);
  const validate = ajv.addSchema({ ...spec, $id: 'specification' }).compile({ $ref: 'specification#/components/schemas/UserChanges/properties/$set' });
  return (members) => (validate(members) ? [] : (validate.errors ?? []).map(({ instancePath, keyword, message }) => ({ pointer: instancePath, code: keyword, message: message ?? 'does not fit' })));
};

const handlersOf = (dependencies: UserManagerDependencies, passwords: Passwords) => {
  const { pool, groups, userInfoMembers, secureCookies, sessionDurationSeconds } = dependencies;
  const { propertyNames } = groups;
  const checkPassword = createPasswordCheck(pool, passwords, createSignInAttempts(pool));
  const importPorts = { pool, groups, faultsOf: memberCheck() };
  return {
    ...sessionHandlers({
      ...createSignIn(pool, dependencies), checkPassword, changePassword: createOwnPasswordChange(pool, passwords, checkPassword, sessionDurationSeconds), durationSeconds: sessionDurationSeconds, secureCookies,
      isAnswered: (member) => userInfoMembers === undefined || [...whoItIs, ...userInfoMembers].includes(member),
    }),
    ...userHandlers(userPorts(dependencies, passwords)),
    ...userAuditHandlers({ find: (id, page) => auditOfUser(pool, id, page), record: (entry) => recordAudit(pool, entry) }),
    ...userSearchHandlers({ propertyNames, find: (page) => findUsers(pool, page), count: (filter) => countUsers(pool, filter) }),
    ...userStateHandlers({ move: (moves, updaterId) => moveUsers(pool, moves, updaterId), softDelete: (id, updaterId) => softDelete(pool, id, updaterId) }),
    ...userImportHandlers({ propertyNames, take: (rows, actor) => importUsers(importPorts, rows, actor) }),
    ...passwordResetHandlers({ requestReset: (authUserId, actor) => requestResetOf(pool, authUserId, actor), resetPassword: (token, password) => resetPassword(pool, passwords, token, password) }),
    ...clientHandlers({
      find: (clientId, secret) => findClient(pool, clientId, hashOfToken(secret)), issue: createClientTokens(pool, dependencies.issuer).issue, signingKeys: () => publishedSigningKeys(pool),
    }),
    ...backgroundJobHandlers(backgroundJobs(pool)),
    ...bulkJobHandlers({ start: (kind, request, creatorId) => startBulkJob(pool, kind, request, creatorId), read: (kind, id) => findBulkJob(pool, kind, id) }),
  } satisfies Handlers<Omit<operations, PlatformOperation>, Caller, 'issueToken' | 'refreshToken' | 'getSigningKeys'>;
};

/** A wrong password has its row where it was judged: there it is known whose it is. */
const refusalRules: RefusalRules<Caller> = {
  actorOf: auditActorOf,
  patientOf: (caller) => (caller.kind === 'person' ? caller.user.id : undefined),
  special: {
    'issueToken sign-in-failed': null, 'issueToken too-many-requests': 'sign-in-locked', 'changeOwnPassword sign-in-failed': null, 'refreshToken sign-in-failed': 'session-renewal-refused',
    'issueClientToken sign-in-failed': 'credential-refused', 'resetPassword reset-token-invalid': 'password-reset-refused',
  },
  uploads: new Set(), namesPerson: new Set(['updateUser', 'deleteUser', 'softDeleteUser', 'exportUser', 'eraseUser', 'listUserAudit', 'endUserSessions']),
};

/** Puts the User Manager together and starts its jobs. Rejects when specification and handlers do not fit. */
export const createUserManager = async (dependencies: UserManagerDependencies): Promise<Service> => {
  const { pool, log, version, serviceTokens, sessionIdleSeconds, allowedOrigins = [], trustedProxies = [], isPublicHttps = false, gauges = [], validateResponses = false, warmUp = true } = dependencies;
  const server = createServiceServer({
    name: 'user-manager', version, spec: loadSpec(spec), log, validateResponses, warmUp,
    handlers: handlersOf(dependencies, bounded(dependencies.passwords ?? (await createPasswords()))),
    authenticators: createAuthenticators({ serviceTokens, findClient: (clientId, secret) => findClient(pool, clientId, hashOfToken(secret)), findSessionUser: (hash, kind) => findSessionUser(pool, hash, kind, sessionIdleSeconds) }),
    origins: createOriginCheck({ publicUrl: undefined, allowedOrigins, trustedProxies }),
    sourceOf: createSourceReader({ trustedProxies, serviceTokens }),
    isOurs: createTrust({ trustedProxies, serviceTokens }),
    isPublicHttps,
    limits: { maxBytes: 1_100_000 },
    gauges: [...gauges, ...poolGauges({ requests: pool, jobs: dependencies.jobPool }), ...jobGauges(pool, taskNames), ...auditGauges(pool, 'user_manager')],
    auditRefusal: createRefusalRecorder(refusalRules, (entry) => recordAudit(pool, entry), log),
    isDatabaseUnavailable: isUnavailable,
    codeOf: (error) => (error instanceof JobStillRunsError ? 'unavailable' : undefined),
    ready: async () => (await pool.query('select 1')).rowCount === 1,
    checkUp: { database: () => pool.query('select 1') },
  });
  const runner = await startJobs(dependencies, (wanted) => requestErasure(dependencies.deviceManagerUrl(), serviceTokens[0] ?? '', wanted));
  const chainer = dependencies.jobs.includes('chain-audit') ? startChainer(dependencies.jobPool, 'user_manager', log) : undefined;
  return {
    name: 'user-manager',
    listen: server.listen,
    stop: async () => {
      await server.close();
      await chainer?.stop();
      await runner.stop();
    },
  };
};
