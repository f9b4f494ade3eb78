import type { EventRule } from './rule.ts';

type Events = EventRule['events'];
type Event = Events[string];

const plain = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '');

/** Events by their names without case and separators; names that would then mean two things are left out. */
const loosely = (events: Events): ReadonlyMap<string, Event> => {
  const byName = new Map<string, Event>();
  const ambiguous = new Set<string>();
  for (const [name, event] of Object.entries(events)) {
    const other = byName.get(plain(name));
    if (other !== undefined && other.code !== event.code) ambiguous.add(plain(name));
    byName.set(plain(name), event);
  }
  for (const name of [...ambiguous, '']) byName.delete(name);
  return byName;
};

const known = new WeakMap<Events, ReadonlyMap<string, Event>>();

/** The event of a name, exactly or in another letter case and with other separators ("Not Present"); undefined when no rule has it, or two do. */
export const eventNamed = (events: Events, name: string): Event | undefined => {
  if (Object.hasOwn(events, name)) return events[name];
  const byName = known.get(events) ?? loosely(events);
  known.set(events, byName);
  return byName.get(plain(name));
};
