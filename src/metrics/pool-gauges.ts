import type { Pool } from '../database/pool.ts';
import type { GaugeSource } from './gauge.ts';

/** Connections of pools by name: in use, open and idle, the most there may be, and who waits for one. Asks the database nothing. */
export const poolGauges = (pools: Readonly<Record<string, Pool>>): GaugeSource[] => {
  const all = Object.entries(pools);
  return [
    {
      name: 'vitalgate_database_connections', isPrompt: true, labelNames: ['pool', 'state'], help: 'Open connections to the database by pool: in use, or idle.',
      read: () => all.flatMap(([pool, { totalCount, idleCount }]) => [{ labels: { pool, state: 'used' }, value: totalCount - idleCount }, { labels: { pool, state: 'idle' }, value: idleCount }]),
    },
    {
      name: 'vitalgate_database_connections_max', isPrompt: true, labelNames: ['pool'], help: 'How many connections to the database a pool may open.',
      read: () => all.map(([pool, { options }]) => ({ labels: { pool }, value: options.max })),
    },
    {
      name: 'vitalgate_database_waiting', isPrompt: true, labelNames: ['pool'], help: 'Requests and jobs that wait for a connection to the database.',
      read: () => all.map(([pool, { waitingCount }]) => ({ labels: { pool }, value: waitingCount })),
    },
  ];
};
