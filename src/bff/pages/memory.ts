/** What a browser keeps for the page between visits: how things are shown, never what is shown. */
type Name = 'theme' | 'zone' | 'units';

const keyOf = (name: Name): string => `vitalgate.${name}`;

/** A choice from an earlier visit; undefined where there is none, or the browser keeps nothing. */
export const kept = (name: Name): string | undefined => {
  try {
    return localStorage.getItem(keyOf(name)) ?? undefined;
  } catch {
    return undefined; // storage is off: choices last as long as the page
  }
};

/** Keeps a choice where the browser lets us. */
export const keep = (name: Name, value: string): void => {
  try {
    localStorage.setItem(keyOf(name), value);
  } catch {
    // storage is off or full: the choice lasts as long as the page
  }
};
