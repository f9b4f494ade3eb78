import type { WorkerEvents } from 'graphile-worker';

/** The channel on which a new job is told by the name of its task. */
export const JOB_ADDED = 'vitalgate:job';
/** The one of graphile-worker names no task: each job would wake a worker of every kind, of which one has something to do. */
const ANY_JOB_ADDED = 'jobs:insert';

/** Has the workers of `events` hear of jobs of some tasks alone. */
export const listenFor = (events: WorkerEvents, tasks: readonly string[]): void => {
  events.on('pool:listen:success', ({ client }) => {
    // The statement that comes next listens to the channels of graphile-worker, and is tried again by it when the connection breaks.
    const query = client.query.bind(client);
    const listen = (text: string): unknown => {
      Object.assign(client, { query });
      return query(`listen "${JOB_ADDED}"; ${text}`);
    };
    Object.assign(client, { query: listen });
  });
  // Listeners see a message before graphile-worker acts on it.
  events.on('pool:listen:notification', ({ message }) => {
    if (message.channel === ANY_JOB_ADDED) message.channel = 'ignored';
    else if (message.channel === JOB_ADDED && tasks.includes(message.payload ?? '')) Object.assign(message, { channel: ANY_JOB_ADDED, payload: '{"count":1}' });
  });
};
