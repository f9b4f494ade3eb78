/** Asks for each name once, however often it is wanted; for the time of one request or job. */
export const remember = <Value>(read: (name: string) => Promise<Value>): ((name: string) => Promise<Value>) => {
  const known = new Map<string, Promise<Value>>();
  return (name) => {
    const found = known.get(name) ?? read(name);
    known.set(name, found);
    return found;
  };
};
