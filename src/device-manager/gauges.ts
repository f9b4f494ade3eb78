import type { Pool } from '../database/pool.ts';
import type { GaugeSource } from '../http/metrics.ts';
import { countInbox } from './storage/inbox-table.ts';
import { countSubmissions } from './storage/submission-list.ts';

/** What waits for a person, for alarms. */
export const inboxGauge = (pool: Pool): GaugeSource => ({
  name: 'vitalgate_inbox_entries', help: 'Deliveries and samples that went no further, by kind and reason.', labelNames: ['kind', 'reason'],
  read: async () => (await countInbox(pool)).map(({ kind, reason, entries }) => ({ labels: { kind, reason }, value: entries })),
});

/** What has not reached the Therapy and Monitoring Manager. */
export const submissionGauge = (pool: Pool): GaugeSource => ({
  name: 'vitalgate_submissions', help: 'Submissions to the Therapy and Monitoring Manager that have not arrived, by state and reason.', labelNames: ['state', 'reason'],
  read: async () => (await countSubmissions(pool)).map(({ state, reason, submissions }) => ({ labels: { state, reason }, value: submissions })),
});
