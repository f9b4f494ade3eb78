/** A package of a lock file, as far as it matters here. */
interface LockedPackage {
  readonly version?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly optional?: boolean;
  readonly os?: string | readonly string[];
  readonly bin?: unknown;
  readonly devDependencies?: unknown;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** A lock file of npm: what lies where under `node_modules`, and itself under no name. */
export interface Lock {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

const nameOf = (path: string): string => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);

const without = (locked: LockedPackage, ...members: readonly (keyof LockedPackage)[]): LockedPackage =>
  Object.fromEntries(Object.entries(locked).filter(([name]) => !members.some((member) => member === name)));

/** As it is locked, without where it was fetched from: that would name whatever registry was near. */
const asPublished = (locked: LockedPackage): LockedPackage => ({ ...without(locked, 'resolved', 'devOptional'), ...(locked.devOptional === true && { optional: true }) });

/**
 * The lock file of what is published: packages of production alone, those of all platforms, each with its digest. What tools need and
 * something of production may do without (`devOptional`) stays where that names it, and goes where it is a mere peer. Throws when a
 * package has no digest.
 */
export const productionLock = ({ packages, ...lock }: Lock, bin: unknown): Lock => {
  const { '': root = {}, ...locked } = packages;
  const wished = new Set(Object.values(locked).filter(({ dev }) => dev !== true).flatMap(({ optionalDependencies = {} }) => Object.keys(optionalDependencies)));
  const kept = Object.entries(locked).filter(([path, { dev, devOptional }]) => dev !== true && (devOptional !== true || wished.has(nameOf(path))));
  const loose = kept.filter(([, { integrity }]) => integrity === undefined).map(([path]) => path);
  if (loose.length > 0) throw new Error(`The lock file has no digest of ${loose.join(', ')}.`);
  return { ...lock, packages: { '': { ...without(root, 'devDependencies'), bin }, ...Object.fromEntries(kept.map(([path, one]) => [path, asPublished(one)])) } };
};
