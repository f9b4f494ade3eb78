import type { PoolClient } from 'pg';
import type { Pool, Queryable } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import { compileRules, ruleKey, type Rules } from './domain/normalization.ts';
import type { HealthDataType } from './domain/rule.ts';
import { rulesInForce, type Displaced, type RulesInForce } from './domain/rules-in-force.ts';
import { recordAudit } from './storage/audit-table.ts';
import { allVersions, holdTypes, insertVersion, lockTypes, stampOfTypes, type Definition, type HealthDataTypeRow } from './storage/health-data-type-table.ts';

/** One version of a health data type; `createdAt` and `creator` where this installation made it. */
export interface TypeVersion extends Definition {
  readonly version: number;
  readonly isRetired: boolean;
  readonly createdAt?: Date;
  readonly creator?: string;
}

/** The rules that hold, and the versions they come from. */
export interface Book extends RulesInForce {
  readonly rules: Rules;
  /** The newest version of each type, by identifier. */
  readonly newest: ReadonlyMap<string, TypeVersion>;
  readonly versions: readonly TypeVersion[];
}

/** Why a type is not changed. */
export type TypeRefusal = 'unknown' | 'already-exists' | 'version-conflict' | { readonly takenBy: string; readonly dataType: string };

/** The health data types that are built in, and those of this installation, which come before them. */
export interface RuleBook {
  /** As it is now in the database; compiled anew only when a version was added. */
  readonly current: (db?: Queryable) => Promise<Book>;
  /**
   * The same for who writes by it: nobody changes it until the transaction ends. So what an earlier version made is there to be found
   * once a change is answered, and nothing comes after it.
   */
  readonly held: (client: PoolClient) => Promise<Book>;
  /** Adds the first version of a type; audited. */
  readonly create: (definition: Definition, creator: string) => Promise<TypeVersion | TypeRefusal>;
  /** Adds a version after `from`, or a retirement where there is no definition; audited. */
  readonly change: (identifier: string, from: number, definition: Definition | undefined, creator: string) => Promise<TypeVersion | TypeRefusal>;
}

/** Versions up to here are built in. */
const builtInVersions = 1000;

const ofInstallation = (rows: readonly HealthDataTypeRow[]): TypeVersion[] => {
  let last: Definition | undefined;
  return rows.flatMap(({ version, definition, creator, created_at: createdAt }) => {
    // A retired type is shown as it was last: its own definition, or the built-in one that it retires.
    last = definition ?? last;
    return last ? [{ ...last, version, isRetired: definition === null, creator, createdAt }] : [];
  });
};

const rulesAmong = (versions: Iterable<TypeVersion>, builtIn: boolean): HealthDataType[] =>
  [...versions].filter(({ isRetired, creator }) => !isRetired && (creator === undefined) === builtIn).map(({ type, version }) => ({ ...type, version }));

const bookOf = (builtIn: readonly HealthDataType[], rows: readonly HealthDataTypeRow[]): Book => {
  const grouped = Map.groupBy(rows, ({ identifier }) => identifier);
  const shipped = builtIn.map((type): TypeVersion => ({ type, version: type.version, isRetired: false }));
  const versions = [
    ...shipped,
    ...[...grouped.values()].flatMap((own) => {
      const [first] = own;
      const before = shipped.find(({ type }) => type.identifier === first?.identifier);
      return before && first?.definition === null ? ofInstallation([{ ...first, definition: { type: before.type } }, ...own]).slice(1) : ofInstallation(own);
    }),
  ];
  const newest = new Map(versions.map((one) => [one.type.identifier, one]));
  const holding = rulesInForce(rulesAmong(newest.values(), true), rulesAmong(newest.values(), false));
  return { rules: compileRules(holding.inForce), newest, versions, ...holding };
};

const takenIn = ({ inForce }: Book, { identifier, providerId, dataTypes }: HealthDataType): TypeRefusal | undefined => {
  const wanted = new Set(dataTypes.map((name) => ruleKey(providerId, name)));
  for (const type of inForce) {
    const dataType = type.identifier === identifier ? undefined : type.dataTypes.find((name) => wanted.has(ruleKey(type.providerId, name)));
    if (dataType !== undefined) return { takenBy: type.identifier, dataType };
  }
  return undefined;
};

/** The book as it is in the database; what built-in rules leave to those of the installation is told when it is found. */
const reader = (pool: Pool, builtIn: readonly HealthDataType[], tell: (displaced: Displaced) => void): RuleBook['current'] => {
  let known: { stamp: string; book: Book } = { stamp: '0', book: bookOf(builtIn, []) };
  return async (db = pool) => {
    const stamp = await stampOfTypes(db);
    if (stamp === known.stamp) return known.book;
    const told = new Set(known.book.displaced.map((one) => JSON.stringify(one)));
    known = { stamp, book: bookOf(builtIn, await allVersions(db)) };
    known.book.displaced.filter((one) => !told.has(JSON.stringify(one))).forEach(tell);
    return known.book;
  };
};

/**
 * Reads and changes the rules of an installation; throws at once when the built-in ones cannot work together. `onDisplaced` is told once
 * of each data type that a built-in rule leaves to one of the installation.
 */
export const createRuleBook = (pool: Pool, builtIn: readonly HealthDataType[], onDisplaced: (displaced: Displaced) => void = () => undefined): RuleBook => {
  const current = reader(pool, builtIn, onDisplaced);
  const add = (identifier: string, definition: Definition | undefined, creator: string, judge: (book: Book) => TypeRefusal | undefined): Promise<TypeVersion | TypeRefusal> =>
    inTransaction(pool, async (client) => {
      await lockTypes(client);
      const book = bookOf(builtIn, await allVersions(client));
      const refusal = judge(book) ?? (definition && takenIn(book, definition.type));
      if (refusal !== undefined) return refusal;
      const version = Math.max(builtInVersions, ...book.versions.filter(({ type }) => type.identifier === identifier).map((one) => one.version)) + 1;
      await insertVersion(client, { identifier, version, definition: definition ?? null, creator });
      const isNew = !book.versions.some(({ type }) => type.identifier === identifier);
      await recordAudit(client, { actor: creator, action: isNew ? 'create' : 'update', resource: `health-data-type/${identifier}/${String(version)}` });
      const made = bookOf(builtIn, await allVersions(client)).newest.get(identifier);
      if (!made) throw new Error('A health data type is gone right after it was made.');
      return made;
    });
  return {
    current,
    held: async (client) => {
      await holdTypes(client);
      return current(client);
    },
    create: (definition, creator) => add(definition.type.identifier, definition, creator, ({ newest }) => (newest.has(definition.type.identifier) ? 'already-exists' : undefined)),
    change: (identifier, from, definition, creator) =>
      add(identifier, definition, creator, ({ newest }) => {
        const last = newest.get(identifier);
        if (!last) return 'unknown';
        return last.version === from ? undefined : 'version-conflict';
      }),
  };
};
