/** An item of a body, in the words of react-native-health whatever the sender's, with the way back to what was received. */
export interface ShapedItem {
  /** JSON pointer of the element in the body; what `withNulls` takes away. */
  readonly pointer: string;
  /** The element as the vetting and the rules read it: members of the sender's stay beside those added. `null` is no item. */
  readonly item: unknown;
  /** What was received of it, with what its list says about it. */
  readonly received: unknown;
  /** Pointers of the body for members of `item` that stand elsewhere or under other names, by `/member`. */
  readonly places?: Readonly<Record<string, string>> | undefined;
  /** The format itself declares that `%` counts hundredths, so that 0.5 is half a percent. */
  readonly percent?: 'hundredths' | undefined;
  /** Its list shows that it is the total of a period, which a later one replaces. */
  readonly isTotal?: true | undefined;
}

/** Takes the items out of a body in their order; the text is a pointer to what does not fit the format. */
export type Shape = (body: unknown) => Iterable<ShapedItem> | string;

export type Members = Readonly<Record<string, unknown>>;

/** Whether a value is a JSON object. */
export const isObject = (value: unknown): value is Members => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The members of a value; none where it is no object. */
export const membersOf = (value: unknown): Members => (isObject(value) ? value : {});

const isGiven = (value: unknown): boolean => value !== undefined && value !== null && value !== '';

/** What a reader of a sender's element adds to it: values by member, and where in the element each was found. */
export interface Reading {
  readonly values: Members;
  readonly sources: Readonly<Record<string, string>>;
}

/** Adds members under the names the vetting knows: each pair is such a name and a path into the element; the first path that holds something counts. */
export function renamed(element: Members, pairs: readonly (readonly [name: string, ...paths: string[]])[]): Reading {
  const values: Record<string, unknown> = {};
  const sources: Record<string, string> = {};
  for (const [name, ...paths] of pairs) {
    const path = paths.find((one) => isGiven(at(element, one)));
    if (path === undefined) continue;
    values[name] = at(element, path);
    if (path !== name) sources[`/${name}`] = `/${path}`;
  }
  return { values, sources };
}

const at = (element: Members, path: string): unknown =>
  path.split('/').reduce<unknown>((value, token) => (typeof value === 'object' && value !== null ? (value as Members)[token] : undefined), element);

/** The item that an element is with what was read from it. */
export function shaped(pointer: string, element: Members, { values, sources }: Reading): ShapedItem {
  const places = Object.fromEntries(Object.entries(sources).map(([place, source]) => [place, pointer + source]));
  return { pointer, received: element, item: { ...element, ...values }, places };
}

/** An element that is read as it is. */
export const plain = (pointer: string, element: unknown): ShapedItem => ({ pointer, received: element, item: element });

/** The items of the elements of a list. */
export function* eachOf(list: readonly unknown[], pointer: string, read: (pointer: string, element: Members) => ShapedItem): Generator<ShapedItem> {
  for (const [index, element] of list.entries()) {
    const place = `${pointer}/${String(index)}`;
    yield isObject(element) ? read(place, element) : plain(place, element);
  }
}

/** The items of the lists of an envelope that are there, in the order of the body; a list that is none is the fault. */
export function inLists(body: Members, names: readonly string[], read: (pointer: string, element: Members) => ShapedItem): Iterable<ShapedItem> | string {
  const present = Object.entries(body).filter(([name, list]) => names.includes(name) && isGiven(list));
  const wrong = present.find(([, list]) => !Array.isArray(list));
  if (wrong !== undefined) return `/${wrong[0]}`;
  return present.values().flatMap(([name, list]) => eachOf(list as unknown[], `/${name}`, read));
}
