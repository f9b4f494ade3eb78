import type { HealthDataType as WireType, NewHealthDataType } from '../../../generated/device-manager.d.ts';
import type { Handlers } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import { resolveType } from '../../healthkit/type-catalogue.ts';
import { actorOf, type Caller, type Operations } from '../caller.ts';
import { faultsIn } from '../domain/rule-fault.ts';
import type { HealthDataType } from '../domain/rule.ts';
import type { RuleBook, TypeRefusal, TypeVersion } from '../rule-book.ts';
import type { Definition } from '../storage/health-data-type-table.ts';

export interface HealthDataTypeDependencies {
  readonly ruleBook: RuleBook;
}

const besideTheRules = new Set(['identifier', 'version', 'providerId', 'dataTypes', 'normalizedDataType']);

const wireOf = ({ type, name, example, version, isRetired, createdAt, creator }: TypeVersion): WireType => {
  const { identifier, providerId, dataTypes, normalizedDataType } = type;
  const normalizationRules = Object.fromEntries(Object.entries(type).filter(([member]) => !besideTheRules.has(member))) as unknown as WireType['normalizationRules'];
  return {
    identifier, version, origin: creator === undefined ? 'built-in' : 'installation', isRetired, providerId, dataTypes, normalizedDataType,
    normalizationRules,
    ...(name !== undefined && { name }), ...(example !== undefined && { example }),
    ...(createdAt && { createdAt: createdAt.toISOString() }), ...(creator !== undefined && { creatorId: creator }),
  };
};

/** Types as samples have them: HealthKit's are kept under Apple's identifiers, whatever name they came by. */
const keptTypes = ({ providerId, dataTypes }: Pick<NewHealthDataType, 'providerId' | 'dataTypes'>): readonly string[] =>
  providerId === 'healthkit' ? dataTypes.map((name) => resolveType(name)?.identifier ?? name) : dataTypes;

/** A definition as it is kept. Throws invalid-rule, naming each place at which the rule cannot work. */
const definitionOf = ({ normalizationRules, name, example, ...type }: NewHealthDataType): Definition => {
  const whole = { ...type, dataTypes: keptTypes(type), version: 1, ...normalizationRules } as unknown as HealthDataType;
  const errors = faultsIn(whole, example);
  if (errors.length > 0) throw problem('invalid-rule', { errors });
  return { type: whole, ...(name !== undefined && { name }), ...(example !== undefined && { example }) };
};

const made = (outcome: TypeVersion | TypeRefusal): TypeVersion => {
  if (outcome === 'unknown') throw problem('not-found');
  if (outcome === 'version-conflict') throw problem('version-conflict');
  if (outcome === 'already-exists') throw problem('already-exists', { errors: [{ pointer: '/identifier', code: 'already-exists', message: 'Change the type that has this identifier.' }] });
  if ('takenBy' in outcome) throw problem('already-exists', { errors: [{ pointer: '/dataTypes', code: 'already-exists', message: `Change or retire ${outcome.takenBy}, which takes ${outcome.dataType}.` }] });
  return outcome;
};

type Ids = 'listHealthDataTypes' | 'createHealthDataType' | 'getHealthDataType' | 'changeHealthDataType' | 'retireHealthDataType';

/** Health data types and their rules. */
export const healthDataTypes = ({ ruleBook }: HealthDataTypeDependencies): Pick<Handlers<Operations, Caller>, Ids> => {
  const told = (outcome: TypeVersion) => ({ status: 200, body: wireOf(outcome) }) as const;
  return {
    listHealthDataTypes: async () => {
      const { newest } = await ruleBook.current();
      return { status: 200, body: [...newest.values()].sort((a, b) => (a.type.identifier < b.type.identifier ? -1 : 1)).slice(0, 1000).map(wireOf) };
    },
    createHealthDataType: async ({ body, caller }) => told(made(await ruleBook.create(definitionOf(body), actorOf(caller)))),
    getHealthDataType: async ({ path: { identifier }, query: { version } }) => {
      const { newest, versions } = await ruleBook.current();
      const found = version === undefined ? newest.get(identifier) : versions.find((one) => one.type.identifier === identifier && one.version === version);
      if (!found) throw problem('not-found');
      return { status: 200, body: wireOf(found) };
    },
    changeHealthDataType: async ({ path: { identifier }, query: { version }, body, caller }) => {
      if (body.identifier !== identifier) throw problem('invalid-request', { errors: [{ pointer: '/identifier', code: 'const', message: 'Keep the identifier: records name it.' }] });
      return told(made(await ruleBook.change(identifier, version, definitionOf(body), actorOf(caller))));
    },
    retireHealthDataType: async ({ path: { identifier }, query: { version }, caller }) =>
      told(made(await ruleBook.change(identifier, version, undefined, actorOf(caller)))),
  };
};
