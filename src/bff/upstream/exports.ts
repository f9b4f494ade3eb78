import type { PatientExport } from '../../../generated/device-manager.d.ts';
import { problem } from '../../http/problem.ts';
import { unexpected, type Asker, type DeviceManagerClient } from './device-manager-client.ts';
import { tooManyRequests } from './too-many-requests.ts';

/** An archive as it comes from the Device Manager. */
export interface ArchiveStream {
  readonly pieces: AsyncIterable<Buffer>;
  readonly sizeBytes: number | undefined;
}

/** Archives of all of the patient. */
export interface Exports {
  /** Has an archive made. Throws patient-erased, and not-supported where the Device Manager has no archives. */
  readonly startExport: (asker: Asker) => Promise<PatientExport>;
  /** Throws not-found. */
  readonly exportNamed: (asker: Asker, id: string) => Promise<PatientExport>;
  /** The latest first. */
  readonly exportsOf: (asker: Asker) => Promise<readonly PatientExport[]>;
  /** Throws not-found, and cannot-go-on before it is ready. */
  readonly archive: (asker: Asker, id: string, signal: AbortSignal) => Promise<ArchiveStream>;
}

const template = '/patients/{patientId}/exports/{_id}/content';
const pathOf = ({ patientId }: Asker, id: string): string => template.replace('{patientId}', () => encodeURIComponent(patientId)).replace('{_id}', () => encodeURIComponent(id));

/** Archives that a Device Manager makes. */
export const exportCalls = ({ client, headersOf }: DeviceManagerClient): Exports => ({
  startExport: async (asker) => {
    const { data, response } = await client.POST('/patients/{patientId}/exports', { params: { path: { patientId: asker.patientId } }, headers: headersOf(asker) });
    if (response.status === 410) throw problem('patient-erased');
    if (response.status === 404 || response.status === 405) throw problem('not-supported');
    if (data === undefined) throw unexpected('exports', response.status);
    return data;
  },
  exportNamed: async (asker, _id) => {
    const { data, response } = await client.GET('/patients/{patientId}/exports/{_id}', { params: { path: { patientId: asker.patientId, _id } }, headers: headersOf(asker) });
    if (response.status === 404) throw problem('not-found');
    if (data === undefined) throw unexpected('export', response.status);
    return data;
  },
  exportsOf: async (asker) => {
    const { data, response } = await client.GET('/patients/{patientId}/exports', { params: { path: { patientId: asker.patientId } }, headers: headersOf(asker) });
    if (response.status === 404 || response.status === 405) return [];
    if (data === undefined) throw unexpected('exports', response.status);
    return data as readonly PatientExport[];
  },
  archive: async (asker, id, signal) => {
    const streamed = await client.stream({ path: pathOf(asker, id), template, headers: headersOf(asker), mediaType: 'application/zip', signal });
    if ('pieces' in streamed) return streamed;
    if (streamed.refused === 404) throw problem('not-found');
    if (streamed.refused === 409) throw problem('cannot-go-on');
    if (streamed.refused === 429) throw tooManyRequests({ headers: { get: () => streamed.retryAfter ?? null } });
    throw unexpected('the archive', streamed.refused);
  },
});
