import { eraseAssignments } from './assignment-table.ts';
import { eraseDeliveries } from './delivery-table.ts';
import { eraseDeviceTexts, eraseOwnDevices } from './own-device-table.ts';
import type { EraseRows } from './erasing-rows.ts';
import { eraseNormalized } from './normalized-chunk-table.ts';
import { erasePayloads } from './payload-table.ts';
import { eraseExportParts, eraseExports } from './patient-export-table.ts';
import { eraseFromRenormalizations } from './renormalization-table.ts';
import { eraseCopies } from './sample-copy-table.ts';
import { eraseSampleGroups } from './sample-group-table.ts';
import { eraseRefusals } from './sample-refusal-table.ts';
import { eraseSamples } from './sample-table.ts';
import { eraseSeries } from './series-chunk-table.ts';
import { eraseRollups } from './series-rollup-table.ts';
import { eraseDelivered, eraseSubmissions } from './submission-table.ts';
import { eraseTombstones } from './tombstone-table.ts';

/** One step of an erasure: the table it is about, the kind it counts as, and what it does. */
export interface ErasedTable {
  readonly table: string;
  readonly kind: string;
  readonly erase: EraseRows;
}

/**
 * Everything that has rows of patients, in the order in which it is erased. A table with a column `patient_id` that is not here is a
 * fault that a test finds; the audit keeps its rows under a pseudonym, and what waits in quarantine is looked through reading by reading.
 */
export const erasedTables: readonly ErasedTable[] = [
  { table: 'patient_export_part', kind: 'exportParts', erase: eraseExportParts },
  { table: 'patient_export', kind: 'exports', erase: eraseExports },
  { table: 'delivery', kind: 'deliveries', erase: eraseDeliveries },
  { table: 'submission', kind: 'deliveredDetections', erase: eraseDelivered },
  { table: 'submission', kind: 'submissions', erase: eraseSubmissions },
  { table: 'sample', kind: 'samples', erase: eraseSamples },
  { table: 'sample_group', kind: 'sampleGroups', erase: eraseSampleGroups },
  { table: 'sample_copy', kind: 'copies', erase: eraseCopies },
  { table: 'payload', kind: 'payloads', erase: erasePayloads },
  { table: 'normalized_chunk', kind: 'normalizedChunks', erase: eraseNormalized },
  { table: 'series_chunk', kind: 'seriesChunks', erase: eraseSeries },
  { table: 'series_rollup', kind: 'seriesRollups', erase: eraseRollups },
  { table: 'sample_refusal', kind: 'refusals', erase: eraseRefusals },
  { table: 'tombstone', kind: 'tombstones', erase: eraseTombstones },
  { table: 'renormalization', kind: 'renormalizations', erase: eraseFromRenormalizations },
  { table: 'device', kind: 'deviceTexts', erase: eraseDeviceTexts },
  { table: 'assignment', kind: 'assignments', erase: eraseAssignments },
  { table: 'device', kind: 'devices', erase: eraseOwnDevices },
];
