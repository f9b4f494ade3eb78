import type { Config } from '../config.ts';
import { openPool } from '../database/pool.ts';
import { provideDemoData, setAsideDemoFile, writeDemoFile } from '../demo-data.ts';
import { startDemoTherapyMonitoring } from '../therapy-monitoring/demo.ts';
import type { Vitalgate } from '../vitalgate.ts';

/** What `--demo` adds to a start. */
export interface Demonstration {
  /** Settings that it starts with beside those given. */
  readonly settings: Partial<Config>;
  /** Makes its people and keys, writes demo.json, and says so. */
  readonly provide: (say: (text: string) => void, vitalgate: Vitalgate) => Promise<void>;
}

/**
 * Prepares a demo. Where no Therapy and Monitoring Manager is named, it has one of its own, with a plan for everything that can be
 * measured.
 */
export const openDemonstration = async (config: Config): Promise<Demonstration> => {
  setAsideDemoFile(config.DATA_DIR);
  const therapyMonitoring = config.TMM_SERVICE_URL === undefined ? await startDemoTherapyMonitoring() : undefined;
  return {
    settings: therapyMonitoring === undefined ? {} : { TMM_SERVICE_URL: therapyMonitoring.url },
    provide: async (say, { urls, database, serviceToken }) => {
      const { bff, deviceManager, userManager } = urls;
      if (bff === undefined || deviceManager === undefined || userManager === undefined || database === undefined) throw new Error('The demo needs all three services.');
      const pool = openPool(database, () => undefined, 1);
      try {
        const { data, made } = await provideDemoData(pool, config.DATA_DIR);
        await therapyMonitoring?.plan(deviceManager, data.patientId);
        const path = writeDemoFile(config.DATA_DIR, { bff, deviceManager, userManager, serviceToken }, data);
        say(`Demo: ${made ? 'made' : 'kept'} a patient, an operator and a webhook key; their credentials are in ${path}`);
        if (therapyMonitoring) say(`Demo: detections go to a Therapy and Monitoring Manager at ${therapyMonitoring.url}, which forgets them when it stops`);
      } finally {
        await pool.end();
      }
    },
  };
};
