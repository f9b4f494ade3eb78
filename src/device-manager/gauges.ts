import type { Pool } from '../database/pool.ts';
import { countJobs } from '../jobs/job-counts.ts';
import type { GaugeSource, Reading } from '../metrics/gauge.ts';
import { countInbox } from './storage/inbox-table.ts';
import { countSubmissions } from './storage/submission-list.ts';

/** A series that is there before anything is counted: an alarm cannot compare with what is not there. */
const none = (readings: readonly Reading[], label: string, values: readonly string[]): Reading[] =>
  values.filter((value) => readings.every(({ labels }) => labels[label] !== value)).map((value) => ({ labels: { [label]: value, reason: 'none' }, value: 0 }));

/** What waits for a person, for alarms. */
export const inboxGauge = (pool: Pool): GaugeSource => ({
  name: 'vitalgate_inbox_entries', help: 'Deliveries and samples that went no further, by kind and reason.', labelNames: ['kind', 'reason'],
  read: async () => {
    const readings = (await countInbox(pool)).map(({ kind, reason, entries }): Reading => ({ labels: { kind, reason }, value: entries }));
    return [...readings, ...none(readings, 'kind', ['quarantined', 'conflicting', 'failed'])];
  },
});

/** What has not reached the Therapy and Monitoring Manager. */
export const submissionGauge = (pool: Pool): GaugeSource => ({
  name: 'vitalgate_submissions', help: 'Submissions to the Therapy and Monitoring Manager that have not arrived, by state and reason.', labelNames: ['state', 'reason'],
  read: async () => {
    const readings = (await countSubmissions(pool)).map(({ state, reason, submissions }): Reading => ({ labels: { state, reason }, value: submissions }));
    return [...readings, ...none(readings, 'state', ['waiting', 'parked'])];
  },
});

/** How far normalization is behind what was received; what was given up counts, for nobody sees those values. */
export const normalizationGauge = (pool: Pool): GaugeSource => ({
  name: 'vitalgate_normalization_lag_seconds', labelNames: [], help: 'Age of the oldest payload that was received and is not normalized yet; 0 where there is none.',
  read: async () => [{ labels: {}, value: Math.max(0, ...(await countJobs(pool, ['normalize'])).map(({ oldestSeconds }) => oldestSeconds)) }],
});
