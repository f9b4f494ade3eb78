import { statfs } from 'node:fs/promises';
import type { GaugeSource } from './gauge.ts';

/** Which version runs, and the space left where DATA_DIR is; a DATA_DIR that is not there is left out. */
export const processGauges = (version: string, dataDir: string): GaugeSource[] => [
  { name: 'vitalgate_build_info', isPrompt: true, labelNames: ['version', 'node'], help: 'Always 1; which version of the program runs, and on which Node.', read: () => [{ labels: { version, node: process.version }, value: 1 }] },
  {
    name: 'vitalgate_data_directory_free_bytes', isPrompt: true, labelNames: [], help: 'Free space of the file system of DATA_DIR, where keys lie, and the embedded PostgreSQL unless it runs as another account.',
    read: async () => {
      const { bavail, bsize } = await statfs(dataDir);
      return [{ labels: {}, value: bavail * bsize }];
    },
  },
];
