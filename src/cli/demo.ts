import { ConfigError, serviceNames, type Config } from '../config.ts';
import { openPool } from '../database/pool.ts';
import { uploadHistory } from '../demo/family.ts';
import { openDemoFolder, type DemoFolder } from '../demo/folder.ts';
import { makeDemoPeople, writeDemoFile } from '../demo/people.ts';
import { startDemoTherapyMonitoring, type DemoTherapyMonitoring } from '../therapy-monitoring/demo.ts';
import type { Vitalgate } from '../vitalgate.ts';

/** What `--demo` has beside the program: a folder that is forgotten, and perhaps a Therapy and Monitoring Manager. */
export interface Demo {
  /** The settings to start with. */
  readonly config: Config;
  /** Makes people, keys and their data in the program that has started, and tells where their credentials are. */
  readonly provide: (vitalgate: Vitalgate) => Promise<void>;
  /** Removes all of the demo, once the program has stopped. */
  readonly forget: () => Promise<void>;
}

/** A demo is whole and on its own: what it makes up goes to no database and no service of others. */
const mistakesIn = ({ SERVICES, DATABASE_URL, DEVICE_MANAGER_URL, USER_MANAGER_URL }: Config): string[] => [
  ...(SERVICES.length < serviceNames.length ? ['--demo needs all three services: leave SERVICES unset'] : []),
  ...Object.entries({ DATABASE_URL, DEVICE_MANAGER_URL, USER_MANAGER_URL }).filter(([, value]) => value !== undefined)
    .map(([name]) => `--demo forgets all that it made up when it stops, and keeps it to itself: leave ${name} unset`),
];

const provide = async (say: (text: string) => void, { DATA_DIR }: Config, { urls, database, serviceToken }: Vitalgate, therapyMonitoring: DemoTherapyMonitoring | undefined): Promise<void> => {
  const { bff, deviceManager, userManager } = urls;
  if (bff === undefined || deviceManager === undefined || userManager === undefined || database === undefined) throw new Error('The demo needs all three services.');
  const addresses = { bff, deviceManager, userManager, serviceToken };
  const pool = openPool(database, () => undefined, 1);
  try {
    const people = await makeDemoPeople(pool);
    await therapyMonitoring?.plan(deviceManager, [people.patientId, people.annaPatientId]);
    await uploadHistory(addresses, people, Date.now());
    const path = writeDemoFile(DATA_DIR, addresses, people);
    say(`Demo: Anna Rossi with six weeks of data, Ben Rossi with none, an operator and a webhook key; their credentials are in ${path}`);
    say('Demo: all of it is forgotten when the program stops');
  } finally {
    await pool.end();
  }
};

/**
 * Prepares a demo in the folder that the settings name. Throws ConfigError for settings that a demo cannot have, and NotADemoError
 * for a folder with something of others in it.
 */
export const prepareDemo = async (config: Config, say: (text: string) => void): Promise<Demo> => {
  const mistakes = mistakesIn(config);
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  const folder: DemoFolder = await openDemoFolder(config.DATA_DIR);
  // Where none is named, the demo has one of its own, with a plan for everything that can be measured.
  const own = config.TMM_SERVICE_URL === undefined ? await startDemoTherapyMonitoring() : undefined;
  const started = { ...config, TMM_SERVICE_URL: config.TMM_SERVICE_URL ?? own?.url };
  return {
    config: started,
    provide: async (vitalgate) => {
      await provide(say, started, vitalgate, own);
      if (own) say(`Demo: detections go to a Therapy and Monitoring Manager at ${own.url}`);
    },
    forget: async () => {
      await own?.stop();
      await folder.forget();
    },
  };
};
