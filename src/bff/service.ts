import type { Logger } from 'pino';
import specification from '../../generated/bff.json' with { type: 'json' };
import { compileItemSchema } from '../http/item-schema.ts';
import { knownMembersReader } from '../http/known-members.ts';
import type { Handlers } from '../http/operation.ts';
import { createServiceServer } from '../http/service-server.ts';
import type { Service } from '../http/service.ts';
import type { TurnLimits } from '../http/turns.ts';
import { loadSpec } from '../http/spec.ts';
import { createOriginCheck } from '../http/origin-check.ts';
import { createSourceReader, createTrust } from '../http/request-source.ts';
import type { GaugeSource } from '../metrics/gauge.ts';
import type { Caller, Operations } from './caller.ts';
import { expectingUser } from './expected-user.ts';
import { audit } from './handlers/audit.ts';
import { charts } from './handlers/charts.ts';
import { deletions } from './handlers/deletions.ts';
import { exports } from './handlers/exports.ts';
import { devices } from './handlers/devices.ts';
import { healthData } from './handlers/health-data.ts';
import { ownSamples } from './handlers/own-samples.ts';
import { pages, type OpenPages } from './handlers/pages.ts';
import { passwordReset, type OpenReset } from './handlers/password-reset.ts';
import { profile } from './handlers/profile.ts';
import { sessions } from './handlers/sessions.ts';
import { pageFiles } from './page-files.ts';
import { patientIdReader } from './patient-id.ts';
import { createRefusalReport } from './refusal-report.ts';
import { createResetWishRate } from './reset-wish-rate.ts';
import { uploads } from './handlers/uploads.ts';
import { createSessionCheck } from './session-check.ts';
import { createUploadRate } from './upload-rate.ts';
import { connectDeviceManager } from './upstream/device-manager.ts';
import { connectResets } from './upstream/password-reset.ts';
import { connectUserManager } from './upstream/user-manager.ts';

/** What the BFF stands on; it has no database. */
export interface BffDependencies {
  readonly deviceManagerUrl: string;
  readonly userManagerUrl: string;
  readonly serviceToken: string;
  /** The header in which the Device Manager is told whose data it is. */
  readonly userIdHeader: string;
  readonly secureCookies: boolean;
  /** Name of the cookie of a session; default `sid`. */
  readonly cookieName?: string;
  /** People reach the BFF by https, wherever TLS ends. */
  readonly isPublicHttps?: boolean;
  /** How browsers reach the BFF; its pages may change something. */
  readonly publicUrl?: string | undefined;
  /** Origins of apps in browsers that are served from elsewhere. */
  readonly allowedOrigins?: readonly string[];
  /** Addresses and networks of the proxies in front. */
  readonly trustedProxies?: readonly string[];
  /** Links to set a new password that one source may wish for in an hour; default 30. */
  readonly resetsPerHour?: number;
  /** What is sent as `client-type` at sign-in; default `website`. */
  readonly clientType?: string;
  /** The member of userinfo that is the patient's id; default `_id`, else `sub`. */
  readonly customUserIdKey?: string | undefined;
  /** Age beyond which samples are refused; undefined where there is no bound. */
  readonly historyDays?: number | undefined;
  /** Requests with samples or deletions that a person may send in a minute; default 600. */
  readonly uploadsPerMinute?: number;
  readonly log: Logger;
  /** Figures of the process. */
  readonly gauges?: readonly GaugeSource[];
  readonly version: string;
  readonly validateResponses?: boolean;
  readonly warmUp?: boolean;
}

/** What is known about who may be in front of the BFF, and whether routes are compiled before anybody comes. */
const edgeOf = ({ publicUrl, allowedOrigins = [], trustedProxies = [], isPublicHttps = false, warmUp = true }: BffDependencies) => ({
  origins: createOriginCheck({ publicUrl, allowedOrigins, trustedProxies }),
  sourceOf: createSourceReader({ trustedProxies }),
  isOurs: createTrust({ trustedProxies }),
  isPublicHttps,
  warmUp,
});

const turns: readonly TurnLimits[] = [{ operations: ['uploadHealthData', 'uploadHealthDataInFormat', 'deleteHealthData'], atOnce: 8, waiting: 32 }];

/** Puts the BFF together: session check, vetting, forwarding. */
export const createBff = (dependencies: BffDependencies): Service => {
  const { userManagerUrl, serviceToken, clientType = 'website', historyDays, uploadsPerMinute = 600, secureCookies, cookieName = 'sid', resetsPerHour = 30, log, version, validateResponses = false } = dependencies;
  const spec = loadSpec(specification);
  const userManager = connectUserManager(userManagerUrl, clientType, serviceToken);
  const deviceManager = connectDeviceManager(dependencies.deviceManagerUrl, serviceToken, dependencies.userIdHeader);
  const resets = connectResets(userManagerUrl, serviceToken);
  const sessionCheck = createSessionCheck(userManager, patientIdReader(dependencies.customUserIdKey), cookieName);
  const skippedEnrolment = (requestId: string) => log.info({ requestId }, 'the upstream lists no devices: enrolment is not checked');
  const refusedReset = (requestId: string, status: number | undefined) => log.warn({ requestId, status }, 'the User Manager refused to mail a link');
  const refusals = createRefusalReport(deviceManager, log);
  const rate = createUploadRate(uploadsPerMinute);
  const knownOf = knownMembersReader(spec);
  const handlers = {
    ...sessions({ userManager, sessionCheck, cookie: { name: cookieName, secure: secureCookies }, known: knownOf('Session') }),
    ...profile(knownOf('UserInfo')),
    ...devices(deviceManager, knownOf('Device')),
    ...healthData({ deviceManager, checkShape: compileItemSchema(spec, 'uploadHealthData'), skippedEnrolment, refused: refusals.report, historyDays, rate }),
    ...deletions(deviceManager, rate),
    ...exports(deviceManager, knownOf('PatientExport')),
    ...uploads(deviceManager, { historyDays, requestsPerMinute: uploadsPerMinute }),
    ...ownSamples(deviceManager, knownOf('OwnSample')),
    ...charts(deviceManager, knownOf('ChartSeries')),
    ...audit(deviceManager),
    ...pages(pageFiles()),
    ...passwordReset({ resets, countWish: createResetWishRate(resetsPerHour), sessionsEnded: sessionCheck.forgetAll, refusedReset }),
  } satisfies Handlers<Operations, Caller, 'signIn' | 'getLimits' | OpenPages | OpenReset>;
  const server = createServiceServer<Caller>({
    name: 'bff', version, spec, handlers, log, validateResponses, turns, gauges: dependencies.gauges ?? [], authenticators: { session: expectingUser(spec, sessionCheck.caller) }, auditRefusal: refusals.onProblem,
    ...edgeOf(dependencies),
    checkUp: { 'user-manager': userManager.isAlive, 'device-manager': deviceManager.isAlive },
  });
  return {
    name: 'bff',
    listen: server.listen,
    stop: async () => {
      await server.close();
      await Promise.all([userManager.close(), resets.close(), deviceManager.close()]);
    },
  };
};
