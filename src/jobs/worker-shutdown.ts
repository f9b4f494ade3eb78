import type { Worker, WorkerEvents } from 'graphile-worker';

/** How long the outcomes of the last jobs may take to be written. */
const WRITTEN_WITHIN_MS = 5_000;

/** Tells when a worker pool is over. */
export interface WorkerShutdown {
  /** Resolves some time after all workers of the latest pool have stopped because it shuts down, whatever became of their last outcomes. */
  readonly isOver: () => Promise<unknown>;
}

/**
 * Watches the worker pools of these events, of which one is there at a time. graphile-worker waits for ever for a pool where the outcomes
 * of two jobs could not be written at once: it counts one of them twice when it gives up (graphile/worker#636 is about the same lines).
 * `onDeaf` is told of a pool that shall be stopped: the failure of its first statement is kept, and answered to its workers for ever.
 */
export const watchShutdown = (events: WorkerEvents, onDeaf: () => void): WorkerShutdown => {
  const running = new Set<Worker>();
  let lastFailure: unknown;
  let isShuttingDown = false;
  let over = Promise.withResolvers<undefined>();
  const look = (): void => {
    if (isShuttingDown && running.size === 0) setTimeout(over.resolve, WRITTEN_WITHIN_MS, undefined).unref();
  };
  events.on('pool:create', () => {
    running.clear();
    isShuttingDown = false;
    over = Promise.withResolvers();
  });
  events.on('worker:create', ({ worker }) => running.add(worker));
  events.on('worker:stop', ({ worker }) => {
    running.delete(worker);
    look();
  });
  events.on('worker:getJob:error', ({ error }) => {
    if (error === lastFailure && !isShuttingDown) onDeaf();
    lastFailure = error;
  });
  events.on('pool:gracefulShutdown', () => {
    isShuttingDown = true;
    look();
  });
  return { isOver: () => over.promise };
};
