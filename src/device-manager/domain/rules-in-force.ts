import { ruleKey } from './normalization.ts';
import type { HealthDataType } from './rule.ts';

/** A data type that a built-in rule would take, if a rule of the installation did not take it already. */
export interface Displaced {
  readonly identifier: string;
  readonly dataType: string;
  readonly takenBy: string;
}

/** Rules that hold together, and what built-in ones among them leave to others. */
export interface RulesInForce {
  readonly inForce: readonly HealthDataType[];
  readonly displaced: readonly Displaced[];
}

/**
 * The rules of an installation, and of the built-in ones what those leave: a release may ship a type that an installation has had a rule for
 * since long. A built-in rule that nothing is left of is none.
 */
export const rulesInForce = (builtIn: readonly HealthDataType[], own: readonly HealthDataType[]): RulesInForce => {
  const owners = new Map(own.flatMap(({ identifier, providerId, dataTypes }) => dataTypes.map((name) => [ruleKey(providerId, name), identifier] as const)));
  const ownerOf = ({ providerId }: HealthDataType, dataType: string): string | undefined => owners.get(ruleKey(providerId, dataType));
  const displaced = builtIn.flatMap((type) => type.dataTypes.flatMap((dataType): Displaced[] => {
    const takenBy = ownerOf(type, dataType);
    return takenBy === undefined ? [] : [{ identifier: type.identifier, dataType, takenBy }];
  }));
  const left = builtIn.map((type) => ({ ...type, dataTypes: type.dataTypes.filter((dataType) => ownerOf(type, dataType) === undefined) }));
  return { inForce: [...left.filter(({ dataTypes }) => dataTypes.length > 0), ...own], displaced };
};
