import type { PatientExport as WireExport } from '../../../generated/device-manager.d.ts';
import type { Handlers } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import { actorOf, type Caller, type Operations } from '../caller.ts';
import type { PatientExports } from '../patients/exporting.ts';
import type { PatientExport } from '../storage/patient-export-table.ts';
import { demandOwn } from './named-patient.ts';

const toWire = (row: PatientExport): WireExport => ({
  _id: row._id, state: row.state, files: row.files, sizeBytes: row.size_bytes, createdAt: row.created_at.toISOString(),
  ...(row.digest && { sha256: row.digest.toString('hex') }), ...(row.finished_at && { finishedAt: row.finished_at.toISOString() }), ...(row.expires_at && { expiresAt: row.expires_at.toISOString() }),
});

type ExportOperation = 'startPatientExport' | 'listPatientExports' | 'getPatientExport' | 'downloadPatientExport';

/** All of one patient as an archive: asked for, followed, downloaded. */
export const patientExports = (exports: PatientExports): Pick<Handlers<Operations, Caller>, ExportOperation> => ({
  startPatientExport: async ({ caller, path: { patientId }, requestId }) => {
    demandOwn(caller, patientId);
    return { status: 202, body: toWire(await exports.start(patientId, { actor: actorOf(caller), requestId })) };
  },
  listPatientExports: async ({ caller, path: { patientId } }) => {
    demandOwn(caller, patientId);
    return { status: 200, body: (await exports.list(patientId)).map(toWire) };
  },
  getPatientExport: async ({ caller, path: { patientId, _id } }) => {
    demandOwn(caller, patientId);
    const found = await exports.show(patientId, _id.toLowerCase());
    if (!found) throw problem('not-found');
    return { status: 200, body: toWire(found) };
  },
  downloadPatientExport: async ({ caller, path: { patientId, _id }, requestId }) => {
    demandOwn(caller, patientId);
    const id = _id.toLowerCase();
    const content = await exports.content(patientId, id, { actor: actorOf(caller), requestId });
    if (content === 'not-found') throw problem('not-found');
    if (content === 'not-ready') throw problem('cannot-go-on');
    const headers = { 'Content-Disposition': `attachment; filename="vitalgate-export-${id}.zip"`, 'Content-Length': String(content.sizeBytes) };
    return { status: 200, headers, body: content.pieces };
  },
});
