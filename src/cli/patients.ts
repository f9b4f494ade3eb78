import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import packageFile from '../../package.json' with { type: 'json' };
import { auditRecordOf } from '../audit/audit-record.ts';
import { builtInTypes } from '../device-manager/catalogue/built-in-types.ts';
import { exportArchive } from '../device-manager/patients/contents.ts';
import { exportSources } from '../device-manager/patients/sources.ts';
import type { WaitingSources } from '../device-manager/patients/waiting-readings.ts';
import { createRuleBook } from '../device-manager/rule-book.ts';
import { recordEntry } from '../device-manager/storage/audit-table.ts';
import { exportOf } from '../user-manager/handlers/users.ts';
import { auditOfUser, exportUser } from '../user-manager/user-export.ts';
import { writeWhole } from '../whole-file.ts';
import { RefusedError, type CommandContext } from './command-context.ts';
import { saysUnreadable } from './erasing-again.ts';
import { withManual } from './manual.ts';
import { withPatient, withWhom, type PatientOptions } from './named-patient.ts';
import { addErasureCommands } from './patient-erasure.ts';

const archiveOf = (waiting: WaitingSources, patientId: string, told: (files: number) => void): AsyncGenerator<Buffer> => {
  const { pool } = waiting;
  const accountOf = async (id: string) => {
    const found = await exportUser(pool, id);
    return found && exportOf(found);
  };
  const accountAudit = async (id: string, after: string | undefined, limit: number) => (await auditOfUser(pool, id, { after, limit }))?.map(auditRecordOf) ?? [];
  return exportArchive(exportSources({ ...waiting, version: packageFile.version }, createRuleBook(pool, builtInTypes), { accountOf, accountAudit }), patientId, told);
};

const exportPatient = async (context: CommandContext, { out, ...options }: PatientOptions & { readonly out: string }): Promise<void> => {
  const { patientId, sizeBytes, files } = await withPatient(context, options, async ({ pool, keyRing, patientId: id, isKnown }) => {
    if (!isKnown) throw new RefusedError('There is no patient of this identifier.', 'unknown');
    await recordEntry(pool, { event: 'patient-exported', actor: 'vitalgate', patientId: id, resource: 'export', requestId: `cli-${randomUUID()}` });
    let count = 0;
    const size = await writeWhole(out, archiveOf({ pool, keyRing, onUnreadable: saysUnreadable(context.say) }, id, (written) => (count = written)));
    return { patientId: id, sizeBytes: size, files: count };
  });
  context.result({ patientId, out, sizeBytes, files }, `${out} holds all of ${patientId}: ${String(files)} files, ${String(sizeBytes)} bytes`);
};

/** Adds `vitalgate patients …`. */
export const addPatientCommands = (program: Command, context: CommandContext): void => {
  const patients = program.command('patients').description('All of one patient: export it, erase it.');
  withManual(patients, { examples: ['npx vitalgate patients export --user anna --out anna.zip', 'npx vitalgate patients erase --user anna --confirm anna'] });
  const exporting = withWhom(patients.command('export').description('Writes all that is kept of a patient into a zip archive: payloads, records, FHIR, devices, audit, account.')).requiredOption('--out <file>', 'the archive to write, of mode 0600');
  withManual(exporting.action((options: PatientOptions & { readonly out: string }) => exportPatient(context, options)), {
    notes: ['The archive holds health data in clear: hand it out over a safe way, and delete it then.', 'docs/privacy.md tells what is in it.'],
    examples: ['npx vitalgate patients export --user anna --out anna.zip', 'npx vitalgate patients export --patient 9c86fda0197f4d0e8780daae45bac2f8 --out patient.zip'],
  });
  addErasureCommands(patients, context);
};
