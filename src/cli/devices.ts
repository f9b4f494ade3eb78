import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { z } from 'zod';
import type { Config } from '../config.ts';
import type { Pool } from '../database/pool.ts';
import { createEnrolment } from '../device-manager/enrolment.ts';
import { findDevices, type DeviceRow } from '../device-manager/storage/device-table.ts';
import { parseInstant } from '../measurement/instant.ts';
import { RefusedError, type CommandContext } from './command-context.ts';
import { withDatabase } from './database-access.ts';
import { addDeviceImport } from './device-import.ts';
import { assignableDevice, whatIsRefused } from './device-names.ts';
import { withManual } from './manual.ts';
import { patientNamed } from './named-patient.ts';
import { firstPage, withPaging, type PageOptions } from './page-options.ts';
import { table } from './table.ts';

const text = (longest: number) => z.string().min(1, 'is empty').max(longest, `is longer than ${longest} characters`);
/** The bounds of DeviceAssignment in the specification of the Device Manager. */
const newDevice = z.object({ deviceId: text(200), provider: text(100), type: text(100), name: text(300).optional() });

interface AddOptions {
  readonly deviceId: string;
  readonly provider: string;
  readonly type: string;
  readonly name?: string;
  readonly patient?: string;
}

/** How the command line appears in the audit. */
const act = () => ({ actor: 'vitalgate', requestId: `cli-${randomUUID()}` });

const optionOf: Readonly<Record<string, string>> = { deviceId: '--device-id', provider: '--provider', type: '--type', name: '--name' };

/** Runs on the devices, and on the people where they are in the same installation. */
const withDevices = <Result>({ config, say }: CommandContext, work: (pool: Pool, settings: Config) => Promise<Result>): Promise<Result> => {
  const settings = config();
  const hasUsers = settings.SERVICES.includes('user-manager');
  return withDatabase({ config: settings, say, owners: hasUsers ? ['user-manager', 'device-manager'] : ['device-manager'] }, (pool) => whatIsRefused(work(pool, settings)));
};

const addDevice = async (context: CommandContext, options: AddOptions): Promise<void> => {
  const checked = newDevice.safeParse(options);
  if (!checked.success) throw new RefusedError(checked.error.issues.map(({ path, message }) => `${optionOf[String(path[0])] ?? ''} ${message}`).join('\n'), 'wrong-use');
  const { deviceId, provider: deviceProvider, type: deviceType, name } = checked.data;
  const device = { deviceId, deviceProvider, deviceType, name, ...act() };
  const { patient } = options;
  const { _id, patientId } = await withDevices(context, async (pool, settings) => {
    const enrolment = createEnrolment(pool);
    if (patient === undefined) return { _id: await enrolment.add(device), patientId: undefined };
    const holder = await patientNamed(pool, patient, settings);
    return { _id: await enrolment.assign({ ...device, patientId: holder, from: undefined }), patientId: holder };
  });
  context.result({ _id, deviceId, ...(patientId !== undefined && { patientId }) }, `device ${deviceId} is known, _id ${_id}${patientId === undefined ? '' : `, held by ${patientId}`}`);
};

interface AssignOptions {
  readonly patient: string;
  readonly from?: string;
  readonly until?: string;
}

const instantOf = (given: string, option: string): number => {
  const instant = parseInstant(given);
  if (typeof instant !== 'object') throw new RefusedError(`${option} is an instant with an offset, for example 2024-07-01T00:00:00Z.`, 'wrong-use');
  return instant.epochMs;
};

const assignDevice = async (context: CommandContext, name: string, options: AssignOptions): Promise<void> => {
  const from = options.from === undefined ? undefined : instantOf(options.from, '--from');
  const until = options.until === undefined ? undefined : instantOf(options.until, '--until');
  const { _id, deviceId, patientId } = await withDevices(context, async (pool, settings) => {
    const holder = await patientNamed(pool, options.patient, settings);
    const device = await assignableDevice(pool, name, holder);
    const { device_id: known, declared_provider: deviceProvider, device_type: deviceType } = device;
    return { _id: await createEnrolment(pool).assign({ deviceId: known, deviceProvider, deviceType, patientId: holder, from, until, ...act() }), deviceId: known, patientId: holder };
  });
  context.result({ _id, deviceId, patientId }, `device ${deviceId} is held by ${patientId}`);
};

const shown = (row: DeviceRow) => ({
  _id: row._id, deviceId: row.device_id, deviceProvider: row.declared_provider, deviceType: row.device_type, name: row.name, patientId: row.patient_id, assignedFrom: row.assigned_from,
});

const listDevices = async (context: CommandContext, { patient, ...page }: PageOptions & { readonly patient?: string }): Promise<void> => {
  const { rows, more } = await withDevices(context, async (pool, settings) => {
    const assignedPatientId = patient === undefined ? undefined : await patientNamed(pool, patient, settings);
    return firstPage(page, (limit) => findDevices(pool, { assignedPatientId, limit, skip: 0 }));
  });
  const devices = rows.map(shown);
  context.result(
    devices,
    table(
      ['_id', 'device id', 'provider', 'type', 'name', 'held by', 'since'],
      devices.map((one) => [one._id, one.deviceId, one.deviceProvider, one.deviceType, one.name ?? '-', one.patientId ?? '-', one.assignedFrom?.toISOString() ?? '-']), 'no devices',
    ),
  );
  if (more !== undefined) context.say(more);
};

const addAdd = (devices: Command, context: CommandContext): Command =>
  withManual(
    devices
      .command('add')
      .description('Makes a device known, and with --patient gives it to a patient. Repeating it is safe and prints the same _id.')
      .requiredOption('--device-id <id>', 'what the provider calls it: for Medisanté its id, serial number or IMEI')
      .requiredOption('--provider <name>', 'medisante or apple-healthkit')
      .requiredOption('--type <kind>', 'kind of device, for example Medical or Wearable')
      .option('--name <name>', 'name for people')
      .option('--patient <user>', 'name or _id of the patient who gets it; a HealthKit device needs one')
      .action((options: AddOptions) => addDevice(context, options)),
    { examples: ['npx vitalgate devices add --device-id 90-TEST-01 --provider medisante --type Medical --name "Glucose meter"'] },
  );

/** Adds `vitalgate devices …`. */
export const addDeviceCommands = (program: Command, context: CommandContext): void => {
  const devices = program.command('devices').description('Devices and who holds them: add, import, assign, list.');
  withManual(devices, { examples: ['npx vitalgate devices list', 'npx vitalgate devices assign --help'] });
  addAdd(devices, context);
  addDeviceImport(devices, context);
  const assign = devices
    .command('assign')
    .description('Gives a device to a patient, and releases deliveries that waited for it. The act is audited.')
    .argument('<device>', 'device id or _id')
    .requiredOption('--patient <user>', 'name or _id of the patient')
    .option('--from <instant>', 'since when it is the patient’s, for example 2024-07-01T00:00:00Z; now when left out')
    .option('--until <instant>', 'until when, for a holding that is over; until it is unassigned when left out')
    .action((device: string, options: AssignOptions) => assignDevice(context, device, options));
  withManual(assign, {
    notes: ['A device that somebody else holds must be unassigned first. Waiting deliveries move once a server runs.'],
    examples: ['npx vitalgate devices assign 90-TEST-01 --patient anna', 'npx vitalgate devices assign 90-TEST-01 --patient anna --from 2020-01-01T00:00:00Z'],
  });
  const list = devices.command('list').description('Lists devices and who holds them now.').option('--patient <user>', 'only those that this patient holds');
  withManual(withPaging(list).action((options: PageOptions & { readonly patient?: string }) => listDevices(context, options)), {
    examples: ['npx vitalgate devices list', 'npx vitalgate devices list --patient anna'],
  });
};
