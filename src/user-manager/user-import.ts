import type { Pool } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import { JsonFault, readJson } from '../http/json-gate.ts';
import type { JsonFaultCode } from '../http/json-fault.ts';
import { problemCatalogue } from '../http/problem.ts';
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

/** What a cell means where it is no text: JSON as the bodies of requests may be. Whatever is no JSON stays text: the schema tells what was expected. */
const readCell = (column: string, cell: string): { readonly value: unknown } | MemberFault => {
  const unfit = (code: JsonFaultCode): MemberFault => fault(column, code, problemCatalogue[code].detail);
  try {
    const { value, items } = readJson(Buffer.from(cell), { maxItems: Infinity });
    const text = items?.find((item) => item.fault !== undefined)?.fault;
    return text === undefined ? { value } : unfit(text.code);
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error;
    return error.code === 'malformed-json' || error.code === 'not-utf8' ? { value: cell } : unfit(error.code);
  }
};

/** Members of a user from the texts of a row, or the first cell that cannot be kept. */
const membersOf = (row: CsvRow, isText: (column: string) => boolean): { readonly members: Record<string, unknown> } | MemberFault => {
  const members: Record<string, unknown> = {};
  for (const [column, cell] of row) {
    if (column === '_id') continue;
    const read = isText(column) ? { value: cell } : readCell(column, cell);
    if ('code' in read) return read;
    members[column] = read.value;
  }
  return { members };
};

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
  const read = membersOf(row, ports.groups.isText);
  if ('code' in read) return read;
  const { members } = read;
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
