import type { AuditSchema } from '../audit/audit-tables.ts';
import { unchainedTail } from '../audit/chaining.ts';
import type { Pool } from '../database/pool.ts';
import { askedOnce, type GaugeSource } from './gauge.ts';

/** Rows of the audit that the chain does not hold yet, and the age of the oldest of them. */
export const auditGauges = (pool: Pool, schema: AuditSchema): GaugeSource[] => {
  const tail = askedOnce(() => unchainedTail(pool, schema));
  return [
    {
      name: 'vitalgate_audit_unchained_events', labelNames: [], help: 'Rows of the audit that the chain does not hold yet.',
      read: async (scrape) => [{ labels: {}, value: (await tail(scrape)).events }],
    },
    {
      name: 'vitalgate_audit_unchained_age_seconds', labelNames: [], help: 'Age of the oldest row of the audit that the chain does not hold yet; 0 where it holds all.',
      read: async (scrape) => [{ labels: {}, value: (await tail(scrape)).oldestSeconds }],
    },
  ];
};
