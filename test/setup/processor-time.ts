/**
 * The least milliseconds of the processor that this thread spent on a round of the work. Those of the clock would tell what else the
 * machine is doing.
 */
export const leastProcessorMs = (work: () => void, rounds = 3): number =>
  Math.min(...Array.from({ length: rounds }, () => {
    const before = process.threadCpuUsage();
    work();
    const { user, system } = process.threadCpuUsage(before);
    return (user + system) / 1000;
  }));
