/** How many files there are of a kind: its folder and how its names end. */
export interface FileCount {
  readonly kind: string;
  readonly files: number;
}

/** What an import has not of an archive: files that nothing of the export asks for, and files it asks for that are not there. */
export interface LeftOut {
  readonly unread: readonly FileCount[];
  readonly missing: readonly FileCount[];
}

/** Names of files hold dates and whatever a hostile archive says; its kind is told of each, and no more. */
const kindOf = (path: string): string => {
  const [folder, ...inside] = path.replace(/^\//, '').split('/');
  const ending = /\.[a-z0-9]{1,8}$/i.exec(path)?.[0].toLowerCase() ?? '';
  if (folder === undefined || inside.length === 0) return `*${ending}`;
  return `${/^[a-z-]{1,40}$/.test(folder) ? folder : '*'}/*${ending}`;
};

const counted = (paths: Iterable<string>): FileCount[] =>
  [...Map.groupBy(paths, kindOf)].map(([kind, { length: files }]) => ({ kind, files })).sort((a, b) => (a.kind < b.kind ? -1 : 1));

/** `export_cda.xml` says once more what the export says; folders and what computers add are no files of the phone. */
const isBeside = (path: string): boolean => !/_cda\.xml$|\/$|(^|\/)(\.|__MACOSX)/i.test(path);

/** Follows which of the files beside an export are asked for; `paths` are as the export has them. */
export const createFileLedger = (paths: readonly string[]) => {
  const unread = new Set(paths.filter(isBeside));
  const missing = new Set<string>();
  return {
    asked: (path: string, isThere: boolean): void => {
      if (isThere) unread.delete(path);
      else missing.add(path);
    },
    leftOut: (): LeftOut => ({ unread: counted(unread), missing: counted(missing) }),
  };
};
