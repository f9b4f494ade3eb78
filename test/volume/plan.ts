import type { Pool } from '../../src/database/pool.ts';
import type { RecordedStatement } from './recorded-statements.ts';

/** A node of a plan as EXPLAIN writes it (PostgreSQL, section 14.1), as far as it is looked at here. */
export interface PlanNode {
  readonly 'Node Type': string;
  readonly Schema?: string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Index Cond'?: string;
  readonly 'Recheck Cond'?: string;
  readonly Filter?: string;
  readonly 'TID Cond'?: string;
  readonly Plans?: readonly PlanNode[];
}

type Explained = readonly { readonly 'QUERY PLAN': readonly { readonly Plan: PlanNode }[] }[];

/** The plan of a statement with its values, and of a prepared one that for any values, where the server tells it (16 and newer). */
export const plansOf = async (pool: Pool, { text, values, isPrepared }: RecordedStatement, serverVersion: number): Promise<PlanNode[]> => {
  const told = async (options: string, given: readonly unknown[]): Promise<PlanNode[]> =>
    ((await pool.query({ text: `explain (${options}) ${text}`, ...(given.length > 0 && { values: [...given] }) })).rows as unknown as Explained).flatMap(({ 'QUERY PLAN': plans }) => plans.map(({ Plan }) => Plan));
  return [...(await told('verbose, format json', values)), ...(isPrepared && serverVersion >= 160_000 ? await told('verbose, generic_plan, format json', []) : [])];
};

/** All nodes of a plan, each with the one above it. */
export const nodesOf = (node: PlanNode, above?: PlanNode): { readonly node: PlanNode; readonly above: PlanNode | undefined }[] =>
  [{ node, above }, ...(node.Plans ?? []).flatMap((below) => nodesOf(below, node))];

/** The table that a node reads; undefined where it reads none. */
export const tableOf = ({ Schema: schema, 'Relation Name': name, 'Node Type': type }: PlanNode): string | undefined =>
  schema === undefined || name === undefined || type === 'ModifyTable' ? undefined : `${schema}.${name}`;

/** All that a node compares its rows with. */
export const conditionOf = (node: PlanNode): string =>
  [node['Index Cond'], node['Recheck Cond'], node.Filter].filter((one) => one !== undefined).join(' and ');

/**
 * Whether a node reads all of its table: from one end to the other, or through an index with no condition on it; not so where no more
 * than some rows are wanted, and an index that holds few rows by itself is named among `partial`.
 */
export const readsAll = (node: PlanNode, above: PlanNode | undefined, partial: ReadonlySet<string>): boolean => {
  const type = node['Node Type'];
  if (type === 'Seq Scan') return true;
  if (type !== 'Index Scan' && type !== 'Index Only Scan' && type !== 'Bitmap Index Scan') return false;
  return node['Index Cond'] === undefined && !partial.has(node['Index Name'] ?? '') && above?.['Node Type'] !== 'Limit';
};
