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
