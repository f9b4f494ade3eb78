import type { Logger } from 'pino';
import specification from '../../generated/bff.json' with { type: 'json' };
import { compileItemSchema } from '../http/item-schema.ts';
import { knownMembersReader } from '../http/known-members.ts';
import type { Handlers } from '../http/operation.ts';
import { createServiceServer } from '../http/service-server.ts';
import type { Service } from '../http/service.ts';
import { loadSpec } from '../http/spec.ts';
import type { Caller, Operations } from './caller.ts';
import { charts } from './handlers/charts.ts';
import { deletions } from './handlers/deletions.ts';
import { exports } from './handlers/exports.ts';
import { devices } from './handlers/devices.ts';
import { healthData } from './handlers/health-data.ts';
import { ownSamples } from './handlers/own-samples.ts';
import { passwordReset, type OpenReset } from './handlers/password-reset.ts';
import { profile } from './handlers/profile.ts';
import { sessions } from './handlers/sessions.ts';
import { patientIdReader } from './patient-id.ts';
import { loadResetPage } from './reset-page.ts';
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
  /** What is sent as `client-type` at sign-in; default `website`. */
  readonly clientType?: string;
  /** The member of userinfo that is the patient's id; default `_id`, else `sub`. */
  readonly customUserIdKey?: string | undefined;
  /** Age beyond which samples are refused; undefined where there is no bound. */
  readonly historyDays?: number | undefined;
  /** Requests with samples or deletions that a person may send in a minute; default 600. */
  readonly uploadsPerMinute?: number;
  readonly log: Logger;
  readonly version: string;
  readonly validateResponses?: boolean;
}

/** Puts the BFF together: session check, vetting, forwarding. */
export const createBff = ({ deviceManagerUrl, userManagerUrl, serviceToken, userIdHeader, clientType = 'website', customUserIdKey, secureCookies, historyDays, uploadsPerMinute = 600, log, version, validateResponses = false }: BffDependencies): Service => {
  const spec = loadSpec(specification);
  const userManager = connectUserManager(userManagerUrl, clientType);
  const deviceManager = connectDeviceManager(deviceManagerUrl, serviceToken, userIdHeader);
  const resets = connectResets(userManagerUrl, serviceToken);
  const sessionCheck = createSessionCheck(userManager, patientIdReader(customUserIdKey));
  const skippedEnrolment = (requestId: string) => log.info({ requestId }, 'the upstream lists no devices: enrolment is not checked');
  const refusedReset = (requestId: string, status: number | undefined) => log.warn({ requestId, status }, 'the User Manager refused to mail a link');
  const rate = createUploadRate(uploadsPerMinute);
  const knownOf = knownMembersReader(spec);
  const handlers = {
    ...sessions({ userManager, sessionCheck, secureCookies }),
    ...profile(knownOf('UserInfo')),
    ...devices(deviceManager, knownOf('Device')),
    ...healthData({ deviceManager, checkShape: compileItemSchema(spec, 'uploadHealthData'), skippedEnrolment, historyDays, rate }),
    ...deletions(deviceManager, rate),
    ...exports(deviceManager, knownOf('PatientExport')),
    ...uploads(deviceManager, { historyDays, requestsPerMinute: uploadsPerMinute }),
    ...ownSamples(deviceManager, knownOf('OwnSample')),
    ...charts(deviceManager, knownOf('ChartSeries')),
    ...passwordReset({ resets, page: loadResetPage(), refusedReset }),
  } satisfies Handlers<Operations, Caller, 'signIn' | 'getLimits' | OpenReset>;
  const server = createServiceServer<Caller>({
    name: 'bff', version, spec, handlers,
    authenticators: { session: sessionCheck.caller },
    log, validateResponses,
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
