import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import type { Config } from '../config.ts';
import type { Pool } from '../database/pool.ts';
import { rotateDataKeys } from '../device-manager/resealing.ts';
import { recordAudit } from '../device-manager/storage/audit-table.ts';
import { countOlder, sealedColumns } from '../device-manager/storage/sealed-columns.ts';
import { countPatients, listRotations, type DataKeyRotation } from '../keys/data-key-rotation.ts';
import { openKeys, type OpenedKeys } from '../keys/master-key-check.ts';
import { rotateMasterKey, wrappedByMasterKey } from '../keys/master-key-rotation.ts';
import type { MasterKeys } from '../keys/master-key.ts';
import { RefusedError, type CommandContext } from './command-context.ts';
import { withDatabase } from './database-access.ts';
import { withManual } from './manual.ts';
import { patientNamed } from './named-patient.ts';
import { table } from './table.ts';

const SHOWN = 10;

/** How the command line appears in the audit. */
const act = () => ({ actor: 'vitalgate', requestId: `cli-${randomUUID()}` });

const withKeys = <Result>({ config, say }: CommandContext, work: (pool: Pool, opened: OpenedKeys, settings: Config) => Promise<Result>): Promise<Result> => {
  const settings = config();
  const owners = settings.SERVICES.includes('user-manager') ? (['user-manager', 'device-manager'] as const) : (['device-manager'] as const);
  return withDatabase({ config: settings, say, owners }, async (pool) => work(pool, await openKeys(pool, settings), settings));
};

const roleOf = (id: string, { current, previous }: MasterKeys): string => (id === current.id ? 'MASTER_KEY' : id === previous?.id ? 'MASTER_KEY_PREVIOUS' : 'not given');

const progressOf = ({ scope, resealed, unreadable, created_at: created, finished_at: finished }: DataKeyRotation): string[] =>
  [scope ?? 'all patients', created.toISOString(), finished?.toISOString() ?? 'under way', String(resealed), String(unreadable)];

const status = async (context: CommandContext): Promise<void> => {
  const found = await withKeys(context, async (pool, { masterKeys }) => {
    // First, so that what is told as done is not counted as it was before.
    const rotations = await listRotations(pool, SHOWN);
    const values: { where: string; older: number }[] = [];
    for (const column of sealedColumns) values.push({ where: `${column.table}.${column.column}`, older: await countOlder(pool, column) });
    const wrapped = (await wrappedByMasterKey(pool)).map(({ id, keys }) => ({ id, keys, role: roleOf(id, masterKeys) }));
    return { masterKeys: wrapped, patients: await countPatients(pool), values, rotations };
  });
  const { masterKeys, patients, values, rotations } = found;
  context.result(found, [
    table(['master key', 'wraps keys', 'given as'], masterKeys.map(({ id, keys, role }) => [id, String(keys), role]), 'no master key'),
    `patients: ${String(patients.all)}, with older generations of their data key: ${String(patients.withOlder)}`,
    table(['sealed values', 'under older generations'], values.map(({ where, older }) => [where, String(older)]), ''),
    table(['data keys of', 'wished', 'done', 'sealed anew', 'unreadable'], rotations.map(progressOf), 'data keys were never rotated'),
  ].join('\n\n'));
};

const rotateMaster = (context: CommandContext): Promise<void> =>
  withKeys(context, async (pool, { masterKeys }) => {
    const { current, previous } = masterKeys;
    const known = await wrappedByMasterKey(pool);
    if (!known.some(({ id }) => id === current.id)) {
      throw new RefusedError('The program has not been started with this master key yet: start it everywhere with the new one as MASTER_KEY and the old one as MASTER_KEY_PREVIOUS, then run this again.');
    }
    const keys = await rotateMasterKey(pool, masterKeys, (done) => context.say(`${String(done)} keys`));
    await recordAudit(pool, { ...act(), action: 'update', resource: `master-key/${current.id}` });
    context.result({ masterKey: current.id, keys }, `${String(keys)} keys wrapped anew; all are wrapped by ${current.id} now${previous ? ', and MASTER_KEY_PREVIOUS can be taken away' : ''}`);
  });

const rotateData = async (context: CommandContext, user: string | undefined): Promise<void> => {
  const found = await withKeys(context, async (pool, _opened, settings) => {
    const patientId = user === undefined ? undefined : await patientNamed(pool, user, settings);
    return { rotation: await rotateDataKeys(pool, patientId, act()), patientId };
  });
  context.result(found, `${found.patientId ?? 'every patient'} gets a new data key while the server runs; \`keys status\` tells how far it is`);
};

interface RotateOptions {
  readonly master?: true;
  readonly data?: true;
  readonly user?: string;
}

const rotate = (context: CommandContext, { master, data, user }: RotateOptions): Promise<void> => {
  if ((master === true) === (data === true)) throw new RefusedError('Say which keys: --master or --data. A key of a sender is changed by `keys create` and `keys revoke`.', 'wrong-use');
  if (master === true && user !== undefined) throw new RefusedError('--user is for --data: the master key is everybody\'s.', 'wrong-use');
  return master === true ? rotateMaster(context) : rotateData(context, user);
};

/** Adds `vitalgate keys status` and `vitalgate keys rotate`. */
export const addEncryptionKeyCommands = (keys: Command, context: CommandContext): void => {
  const shown = keys.command('status').description('Tells which master keys wrap how many keys, and how far new data keys are; never a key.');
  withManual(shown.action(() => status(context)), { examples: ['npx vitalgate keys status', 'npx vitalgate --json keys status'] });
  const rotated = keys
    .command('rotate')
    .description('Wraps all keys with the present master key, or gives patients new data keys. The program may run, and refuses nobody.')
    .option('--master', 'wrap every key with MASTER_KEY that MASTER_KEY_PREVIOUS wrapped')
    .option('--data', 'new data keys: what is kept is sealed anew in the background')
    .option('--user <user>', 'with --data: name or _id of the one patient who gets one')
    .action((options: RotateOptions) => rotate(context, options));
  withManual(rotated, {
    notes: ['What a run that was cut off had done stays done: run it again. docs/encryption.md tells the steps.'],
    examples: ['npx vitalgate keys rotate --data', 'npx vitalgate keys rotate --data --user anna', 'MASTER_KEY_FILE=/run/secrets/new MASTER_KEY_PREVIOUS_FILE=/run/secrets/old npx vitalgate keys rotate --master'],
  });
};
