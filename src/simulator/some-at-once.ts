/** How many pieces of work are under way at once. */
export const AT_ONCE = 16;

/** Does work on each value, some at once, in no order. */
export const forEach = async <Value>(values: Iterable<Value>, work: (value: Value) => Promise<void>): Promise<void> => {
  const rest = values[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (let next = rest.next(); next.done !== true; next = rest.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
};
