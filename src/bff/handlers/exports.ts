import type { PatientExport } from '../../../generated/bff.d.ts';
import type { KnownMembers } from '../../http/known-members.ts';
import type { Handlers } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import type { Caller, Operations } from '../caller.ts';
import type { Exports } from '../upstream/exports.ts';

type ExportOperation = 'startExport' | 'getExport' | 'downloadExport' | 'getLatestExport';

/** All of the signed-in person as an archive: asked for, followed, downloaded. */
export const exports = ({ startExport, exportNamed, exportsOf, archive }: Exports, known: KnownMembers): Pick<Handlers<Operations, Caller>, ExportOperation> => {
  const own = (found: object) => known(found) as unknown as PatientExport;
  return {
    startExport: async ({ caller: { patientId }, requestId }) => ({ status: 202, body: own(await startExport({ patientId, requestId })) }),
    getExport: async ({ caller: { patientId }, requestId, path: { _id } }) => ({ status: 200, body: own(await exportNamed({ patientId, requestId }, _id)) }),
    getLatestExport: async ({ caller: { patientId }, requestId }) => {
      const [latest] = await exportsOf({ patientId, requestId });
      if (latest === undefined) throw problem('not-found');
      return { status: 200, body: own(latest) };
    },
    downloadExport: async ({ caller: { patientId }, requestId, path: { _id }, signal }) => {
      const { pieces, sizeBytes } = await archive({ patientId, requestId }, _id, signal);
      const headers = {
        'Content-Disposition': `attachment; filename="vitalgate-export-${_id.replaceAll(/[^A-Za-z0-9-]/g, '')}.zip"`,
        ...(sizeBytes !== undefined && { 'Content-Length': String(sizeBytes) }),
      };
      return { status: 200, headers, body: pieces };
    },
  };
};
