const SHAPE = /^(\d+)\.(\d+)\.(\d+)$/;

/** Whether a version, of three numbers, comes after another one. */
export const isLater = (version: string, before: string): boolean => {
  const [wanted, old] = [version, before].map((text) => SHAPE.exec(text)?.slice(1).map(Number));
  if (!wanted || !old) return false;
  const first = wanted.findIndex((number, index) => number !== old[index]);
  return first >= 0 && (wanted[first] ?? 0) > (old[first] ?? 0);
};

/** The changelog with what is unreleased under the version and its day, and an empty section for what comes. Throws when nothing is unreleased. */
export const released = (changelog: string, version: string, day: string): string => {
  const [head, rest] = changelog.split('## Unreleased\n');
  if (head === undefined || rest === undefined || !/^- /m.test(rest.split('\n## ')[0] ?? '')) throw new Error('The changelog has nothing unreleased.');
  return `${head}## Unreleased\n\n## ${version} (${day})\n${rest}`;
};

/** Whether a version can be released: one after the one that the package has, or that one itself while the changelog has no section for it. */
export const isReleasable = (version: string, before: string, changelog: string): boolean =>
  isLater(version, before) || (version === before && SHAPE.test(version) && !changelog.includes(`\n## ${version} (`));

/** A page that names files, folders and tags of a release, with those of another version: `vitalgate-1.2.3` and `v1.2.3`. */
export const withVersion = (page: string, before: string, version: string): string =>
  page.replace(new RegExp(`\\b(vitalgate-|v)${before.replaceAll('.', '\\.')}(?!\\.?\\d)`, 'g'), `$1${version}`);
