import type { Pool } from '../database/pool.ts';
import { countJobs } from '../jobs/job-counts.ts';
import { askedOnce, type GaugeSource, type Reading } from '../metrics/gauge.ts';
import { countInbox } from './storage/inbox-table.ts';
import { countSubmissions } from './storage/submission-list.ts';

/** A series that is there before anything is counted: an alarm cannot compare with what is not there. */
const none = (readings: readonly Reading[], label: string, values: readonly string[]): Reading[] =>
  values.filter((value) => readings.every(({ labels }) => labels[label] !== value)).map((value) => ({ labels: { [label]: value, reason: 'none' }, value: 0 }));

/** What waits for a person, for alarms; how long, is told by itself: an alarm that counted the hours would begin anew whenever a scrape is missed. */
export const inboxGauges = (pool: Pool): GaugeSource[] => {
  const counts = askedOnce(() => countInbox(pool));
  return [
    {
      name: 'vitalgate_inbox_entries', help: 'Deliveries and samples that went no further, by kind and reason.', labelNames: ['kind', 'reason'],
      read: async (scrape) => {
        const readings = (await counts(scrape)).map(({ kind, reason, entries }): Reading => ({ labels: { kind, reason }, value: entries }));
        return [...readings, ...none(readings, 'kind', ['quarantined', 'conflicting', 'failed'])];
      },
    },
    {
      name: 'vitalgate_oldest_inbox_delivery_age_seconds', help: 'How long ago the oldest delivery was received that went no further, by kind and reason; 0 where none waits.', labelNames: ['kind', 'reason'],
      read: async (scrape) => {
        const readings = (await counts(scrape)).flatMap(({ kind, reason, oldestSeconds }): Reading[] => (oldestSeconds === null ? [] : [{ labels: { kind, reason }, value: oldestSeconds }]));
        return [...readings, ...none(readings, 'kind', ['quarantined', 'conflicting'])];
      },
    },
  ];
};

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
