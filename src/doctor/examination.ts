import type { Config, LoadedConfig } from '../config.ts';
import { readServerFile, type ServerFile } from '../server-file.ts';
import { databaseClock, judgeClock } from './clock.ts';
import { examineConfiguration } from './configuration.ts';
import { barredTables, examineDatabase, ownersIn } from './database.ts';
import { withExaminedDatabase } from './database-access.ts';
import { examineDisk } from './disk.ts';
import { findingsOf, type Area, type Finding } from './finding.ts';
import { examineKeyFiles, examineMasterKey, examineServiceToken } from './keys.ts';
import { examineUpstreams } from './upstreams.ts';

const order: readonly Area[] = ['configuration', 'database', 'keys', 'upstreams', 'clock', 'disk'];

const serverOn = (dataDir: string): { readonly server: ServerFile | undefined; readonly fault: Finding[] } => {
  try {
    return { server: readServerFile(dataDir), fault: [] };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const remedy = code === undefined ? 'restart the server: it writes the file anew' : 'run this as the account that the program runs as';
    return { server: undefined, fault: [findingsOf('keys').wrong('DATA_DIR/server.json', `cannot be read (${code ?? 'no JSON'})`, remedy)] };
  }
};

const database = async (config: Config, server: ServerFile | undefined): Promise<Finding[]> => {
  const owners = ownersIn(config);
  if (owners.length === 0) return [];
  return withExaminedDatabase(config, server, async (pool) => {
    // What the role may not read is told once, as that; every look into it would fail, and tell of another cause.
    const barred = await barredTables(pool, owners);
    const maySeeKeys = !barred.some(({ schema, isUnreadable }) => isUnreadable && schema.startsWith('device_manager'));
    return [
      ...(await examineDatabase(pool, { owners, isEmbedded: config.DATABASE_URL === undefined, barred })), ...(maySeeKeys ? await examineMasterKey(pool, config) : []), judgeClock(await databaseClock(pool)),
    ];
  });
};

/**
 * Looks at everything that an installation stands on, and makes and changes nothing but for an embedded PostgreSQL that is started while
 * it is looked at; the environment is that of the program. Answers findings by area; never rejects for what is wrong with an installation.
 */
export const examine = async ({ config, notices }: LoadedConfig, environment: Readonly<Record<string, string | undefined>>): Promise<Finding[]> => {
  const { server, fault } = serverOn(config.DATA_DIR);
  const found = [
    ...examineConfiguration(config, notices), ...fault, ...(await database(config, server)), ...examineKeyFiles(config, environment), ...examineServiceToken(config), ...(await examineUpstreams(config, server)), ...examineDisk(config),
  ];
  return order.flatMap((area) => found.filter((finding) => finding.area === area));
};
