import type { Pool } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import type { MemberFault } from './domain/user-account.ts';
import { register } from './registration.ts';
import { findUsers } from './storage/user-search.ts';
import { changeUser, type Changed } from './user-change.ts';
import { isFormula, type CsvRow } from './user-csv.ts';
import type { UserGroups } from './user-groups.ts';

/** A row that was not taken; never with a value. */
export interface InvalidRow {
  /** 1 is the first row after the names. */
  readonly row: number;
  readonly column?: string;
  readonly code: string;
  readonly error: string;
}

/** What became of the rows: identifiers of users, and what is wrong. */
export interface ImportReport {
  readonly updated: readonly string[];
  readonly inserted: readonly string[];
  readonly invalid: readonly InvalidRow[];
}

/** What an import stands on. */
export interface ImportPorts {
  readonly pool: Pool;
  readonly groups: UserGroups;
  /** What is wrong with members by the specification; pointers into the row. */
  readonly faultsOf: (members: Readonly<Record<string, unknown>>) => readonly MemberFault[];
}

interface Person {
  readonly username?: string;
  readonly email?: string;
  readonly name?: string;
  readonly userGroup?: string;
  readonly blocked?: boolean;
  readonly roles?: readonly string[];
}

const fault = (column: string, code: string, message: string): MemberFault => ({ pointer: `/${column}`, code, message });

const jsonOr = (cell: string): unknown => {
  try {
    return JSON.parse(cell);
  } catch {
    return cell; // not JSON: the schema tells what was expected
  }
};

/** Members of a user from the texts of a row: JSON where the member is no text. */
const membersOf = (row: CsvRow, isText: (column: string) => boolean): Record<string, unknown> =>
  Object.fromEntries([...row].filter(([column]) => column !== '_id').map(([column, cell]) => [column, isText(column) ? cell : jsonOr(cell)]));

const partsOf = (members: Record<string, unknown>): { own: Person; properties: Record<string, unknown> } => {
  const own = ['username', 'email', 'name', 'userGroup', 'blocked', 'roles'];
  const entries = Object.entries(members);
  return { own: Object.fromEntries(entries.filter(([member]) => own.includes(member))), properties: Object.fromEntries(entries.filter(([member]) => !own.includes(member))) };
};

type RowOutcome = { readonly inserted: string } | { readonly updated: string } | MemberFault;

const update = async ({ pool, groups }: ImportPorts, id: string, members: Record<string, unknown>, updaterId: string): Promise<RowOutcome> => {
  const changed: Changed = await changeUser(pool, groups, id, { $set: members }, updaterId);
  if (changed === 'not-found') return fault('_id', 'not-found', 'There is no user with this id.');
  if ('taken' in changed) return fault(changed.taken, 'already-exists', 'is taken');
  if ('faults' in changed) return changed.faults[0] ?? fault('', 'invalid', 'does not fit');
  return { updated: changed.user.id };
};

const insert = async ({ pool, groups }: ImportPorts, members: Record<string, unknown>, creatorId: string): Promise<RowOutcome> => {
  const { own, properties } = partsOf(members);
  const { email, username = email, userGroup = 'patient' } = own;
  if (email === undefined || username === undefined) return fault('email', 'required', 'Give an e-mail address, or the _id of a user.');
  if (!/^[A-Za-z0-9._@+-]+$/.test(username)) return fault('username', 'required', 'Give a user name: the e-mail address cannot be one.');
  const [wrong] = groups.faultsOf(userGroup, properties);
  if (wrong !== undefined) return wrong;
  // Hashing is not needed: imported users choose their password by a reset.
  const noPassword = { hash: () => Promise.reject(new Error('An imported user has no password.')), faultOf: () => undefined };
  const outcome = await inTransaction(pool, (client) => register(client, noPassword, { ...own, email, username, userGroup, properties, account: 'postponed', creatorId }));
  if ('_id' in outcome) return { inserted: outcome._id };
  return 'taken' in outcome ? fault(outcome.taken, 'already-exists', 'is taken') : fault('password', outcome.passwordFault.code, outcome.passwordFault.message);
};

const takeRow = async (ports: ImportPorts, row: CsvRow | undefined, actor: string): Promise<RowOutcome> => {
  if (row === undefined) return fault('', 'columns', 'Give the row as many cells as the first one.');
  const formula = [...row].find(([, cell]) => isFormula(cell));
  if (formula) return fault(formula[0], 'formula', 'Remove the formula: a cell begins with =, +, - or @.');
  const members = membersOf(row, ports.groups.isText);
  const [wrong] = ports.faultsOf(members);
  if (wrong !== undefined) return wrong;
  const email = row.get('email');
  const known = email === undefined ? [] : await findUsers(ports.pool, { email, states: ['PUBLIC', 'DRAFT', 'TRASH'], sort: [], limit: 1, skip: 0 });
  const id = row.get('_id') ?? known[0]?.id;
  return id === undefined ? insert(ports, members, actor) : update(ports, id, members, actor);
};

/** Takes the rows one after the other, each for itself: one that cannot be taken costs no other. */
export const importUsers = async (ports: ImportPorts, rows: readonly (CsvRow | undefined)[], actor: string): Promise<ImportReport> => {
  const [updated, inserted, invalid]: [string[], string[], InvalidRow[]] = [[], [], []];
  for (const [index, row] of rows.entries()) {
    const outcome = await takeRow(ports, row, actor);
    if ('inserted' in outcome) inserted.push(outcome.inserted);
    else if ('updated' in outcome) updated.push(outcome.updated);
    else {
      const column = outcome.pointer.replace('/$set', '').split('/')[1];
      invalid.push({ row: index + 1, ...(column !== undefined && column !== '' && { column }), code: outcome.code, error: outcome.message });
    }
  }
  return { updated, inserted, invalid };
};
