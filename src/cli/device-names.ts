import type { Pool } from '../database/pool.ts';
import { devicesNamed, type DeviceRow } from '../device-manager/storage/device-table.ts';
import { ProblemError } from '../http/problem.ts';
import { RefusedError } from './command-context.ts';

/** The one device that a name means and that this patient can be given. Throws RefusedError. */
export const assignableDevice = async (pool: Pool, name: string, patientId: string): Promise<DeviceRow> => {
  const named = await devicesNamed(pool, name);
  if (named.length === 0) throw new RefusedError('There is no device of this id: `devices add` makes it known.', 'unknown');
  const fitting = named.filter(({ owner_patient_id: owner }) => owner === null || owner === patientId);
  const [device, ...others] = fitting;
  if (device === undefined) throw new RefusedError('This is a HealthKit device of another patient; HealthKit devices stay with theirs.');
  if (others.length > 0) throw new RefusedError(`Several devices have this id, use their _id: ${fitting.map((one) => `${one._id} (${one.declared_provider})`).join(', ')}.`);
  return device;
};

/** Turns what the Device Manager refuses into words for the operator. */
export const whatIsRefused = async <Result>(work: Promise<Result>): Promise<Result> => {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    const { code, message, options } = error;
    throw new RefusedError(options.errors?.map((one) => one.message).join('\n') ?? message, code === 'invalid-request' ? 'wrong-use' : 'failed');
  }
};
