import type { AuditEvent, paths, Refusal, SampleRefusal } from '../../../generated/device-manager.d.ts';
import { problem } from '../../http/problem.ts';
import { unexpected, type Asker, type DeviceManagerClient } from './device-manager-client.ts';

export type { SampleRefusal };
export type AuditQuery = Pick<NonNullable<NonNullable<paths['/audit']['get']['parameters']>['query']>, 'from' | 'to' | 'byOthers' | '_cursor' | '_l'>;

export interface Auditing {
  /** Events about the patient, newest first, and where the next page begins. Throws not-supported where the Device Manager has no audit. */
  readonly audit: (asker: Asker, query: AuditQuery) => Promise<{ readonly events: readonly AuditEvent[]; readonly next: string | undefined }>;
  /** Has a refusal of ours written down. Answers false where the Device Manager has no audit. */
  readonly reportRefusal: (asker: Asker, refusal: Refusal) => Promise<boolean>;
}

const isMissing = (status: number): boolean => status === 404 || status === 405;

/** The audit of a Device Manager, which is an extension of ours. */
export const auditing = ({ client, headersOf }: DeviceManagerClient): Auditing => ({
  audit: async (asker, query) => {
    const { data, response } = await client.GET('/audit', { params: { query }, headers: headersOf(asker) });
    if (isMissing(response.status)) throw problem('not-supported');
    if (data === undefined) throw unexpected('audit', response.status);
    const events = data as readonly AuditEvent[];
    // Whatever a Device Manager answers, nobody is told of others.
    if (events.some(({ patientId }) => patientId !== asker.patientId)) throw problem('upstream-invalid', { cause: new Error('The Device Manager answered an event of another patient.') });
    return { events, next: /[?&]_cursor=([0-9a-f]{32})/.exec(response.headers.get('link') ?? '')?.[1] };
  },
  reportRefusal: async (asker, refusal) => {
    const { response } = await client.POST('/audit/refusals', { body: refusal, headers: headersOf(asker) });
    if (isMissing(response.status)) return false;
    if (!response.ok) throw unexpected('a refusal', response.status);
    return true;
  },
});
