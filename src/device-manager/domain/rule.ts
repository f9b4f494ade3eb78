/** A quantity a value may become; the first one whose unit fits is taken, so that mass and moles keep codes of their own. */
export interface Target {
  /** LOINC code. */
  readonly code: string;
  readonly name: string;
  /** Unit for people. */
  readonly unit: string;
  /** Unit in UCUM. */
  readonly unitCode: string;
  /** Lowest and highest plausible value in that unit: others are flagged, never dropped. */
  readonly plausible: readonly [number, number];
}

/** One value of a payload and what it becomes. */
export interface ObservationRule {
  /** JSON pointer to the value. */
  readonly value: string;
  /** JSON pointer to the unit; without one the unit that was declared or assumed for the sample counts. */
  readonly unit?: string;
  readonly required?: boolean;
  /** Values up to 1 in percent are fractions, as HealthKit writes them. */
  readonly fraction?: boolean;
  /** JSON pointer to a flag whose false is passed on. */
  readonly inRange?: string;
  readonly targets: readonly Target[];
}

/** A rule: which samples it takes, and what it makes of them. Data, not code. */
export interface HealthDataType {
  readonly identifier: string;
  readonly version: number;
  readonly providerId: string;
  readonly dataTypes: readonly string[];
  readonly normalizedDataType: string;
  /** The unit decides between plausible readings (pound or kilogram), so an implausible value in an assumed unit is not trusted. */
  readonly ambiguousUnit?: boolean;
  readonly observations: readonly ObservationRule[];
  /** Annotation names and JSON pointers to their values; a pointer to an object passes on all its members. */
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The value a JSON pointer (RFC 6901) leads to; undefined when it leads nowhere. Inherited members do not count. */
export const at = (document: unknown, pointer: string): unknown => {
  let node = document;
  for (const token of pointer.split('/').slice(1)) {
    const key = token.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof node !== 'object' || node === null || !Object.hasOwn(node, key)) return undefined;
    node = (node as Readonly<Record<string, unknown>>)[key];
  }
  return node;
};
