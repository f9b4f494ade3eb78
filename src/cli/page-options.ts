import { InvalidArgumentError, type Command } from 'commander';

/** How much of a list to show. */
export interface PageOptions {
  readonly limit: number;
  readonly all?: true;
}

const everything = 2_147_483_647;

const countOf = (text: string): number => {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > everything) throw new InvalidArgumentError('It is a whole number from 1 on.');
  return count;
};

/** Adds `--limit` and `--all`. */
export const withPaging = (command: Command): Command =>
  command.option('--limit <count>', 'how many to show at most', countOf, 50).option('--all', 'show all, however many there are');

/** One page, and a sentence when there is more; `find` is asked for one more than is shown. */
export const firstPage = async <Row>({ limit, all }: PageOptions, find: (limit: number) => Promise<readonly Row[]>): Promise<{ rows: readonly Row[]; more: string | undefined }> => {
  const shown = all === true ? everything : limit;
  const found = await find(Math.min(shown + 1, everything));
  return { rows: found.slice(0, shown), more: found.length > shown ? `There are more than ${shown}: --limit or --all shows them.` : undefined };
};
