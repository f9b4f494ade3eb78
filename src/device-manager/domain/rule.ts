/** A quantity a value may become; the first one whose unit fits is taken, so that mass and moles keep codes of their own. */
export interface Target {
  /** LOINC code; where no verified one exists, a URN of our own (`urn:vitalgate:code:…`). */
  readonly code: string;
  readonly name: string;
  /** Unit for people. */
  readonly unit: string;
  /** Unit in UCUM. */
  readonly unitCode: string;
  /** Lowest and highest plausible value in that unit: others are flagged, never dropped. */
  readonly plausible?: readonly [number, number];
  /** The same where the unit was assumed, narrower where another unit of the same quantity gives numbers that overlap: mg/dL for mmol/L. */
  readonly plausibleIfAssumed?: readonly [number, number];
  /** Values of this kind add up over time: steps, energy. */
  readonly cumulative?: boolean;
  /** `false` where what adds up is another amount in each source, as people enter or take it: insulin of pump and pen. Else several sources count the same, and would double it. */
  readonly overlapping?: boolean;
  /** LOINC code that holds for the value as well; passed on as an annotation. */
  readonly sameAs?: string;
  /** Units of another dimension, and the number a value in them is divided by: mass to moles of one substance. */
  readonly dividedBy?: Readonly<Record<string, number>>;
}

/** One value of a payload and what it becomes. */
export interface QuantityRule {
  /** JSON pointer to the value itself, without metric; the unit is the one declared or assumed for the sample. */
  readonly value?: string;
  /** JSON pointer to `{ value, unit, isInRange?, comparator?, unitFromText?, absentReason? }`. */
  readonly metric?: string;
  /** Spellings of units that only this metric has, and their UCUM codes; "" stands for no unit. */
  readonly units?: Readonly<Record<string, string>>;
  readonly required?: boolean;
  /** JSON pointer: where something stands there the value is left out, for it says the same. */
  readonly unless?: string;
  /** Values up to 1 in percent are fractions, as HealthKit writes them. */
  readonly fraction?: boolean;
  readonly targets: readonly Target[];
}

/** Something that happened or was stated: counted as one, or measured by how long it lasted, under the code of its name. */
export interface EventRule {
  /** JSON pointer to the name of the event, its number, or a list of such; where there is none, the name is empty. A list may be empty. */
  readonly event: string;
  /** What counts is the time from start to end, in minutes. */
  readonly duration?: boolean;
  /** `false` where the times of several sources are different ones, and add up. */
  readonly overlapping?: boolean;
  readonly required?: boolean;
  readonly events: Readonly<Record<string, { readonly code: string; readonly name: string }>>;
}

export type ObservationRule = QuantityRule | EventRule;

/** Part of a payload that is no value: a record refers to it, and the payload keeps it. A `resource` is one of FHIR, in JSON. */
export interface AttachmentRule {
  readonly kind: 'document' | 'sampled-data' | 'resource';
  /** JSON pointer to it. */
  readonly value: string;
  /** Of a document in base64. */
  readonly contentType?: string;
  readonly code: string;
  readonly name: string;
}

/** A rule: which samples it takes, and what it makes of them. Data, not code. */
export interface HealthDataType {
  readonly identifier: string;
  readonly version: number;
  readonly providerId: string;
  readonly dataTypes: readonly string[];
  readonly normalizedDataType: string;
  /** No delivery of this type was ever seen: names of metrics and units are our assumption. */
  readonly assumed?: boolean;
  /** The unit decides between plausible readings (pound or kilogram), so an implausible value in an assumed unit is not trusted. */
  readonly ambiguousUnit?: boolean;
  /** A number written as text is no number. */
  readonly numbersOnly?: boolean;
  readonly observations: readonly ObservationRule[];
  readonly attachments?: readonly AttachmentRule[];
  /** Pairs of codes of which the first never exceeds the second; both are flagged when it does. */
  readonly ascending?: readonly (readonly [string, string])[];
  /** JSON pointer to the object whose members are metrics; those that no observation reads are reported, but for `notMetrics`. */
  readonly metrics?: string;
  readonly notMetrics?: readonly string[];
  /** JSON pointer to when the sender received it: a later measurement comes from a wrong clock. */
  readonly receivedTime?: string;
  /** Annotation names and JSON pointers to their values; a pointer to an object passes on all its members. */
  readonly annotations?: Readonly<Record<string, string>>;
}

const takenApart = new Map<string, readonly string[]>();
const MOST_POINTERS = 10_000;

/** What a JSON pointer names from the outside in. Pointers are those of rules, and come back with every sample. */
export const tokensOf = (pointer: string): readonly string[] => {
  const known = takenApart.get(pointer);
  if (known !== undefined) return known;
  const tokens = pointer.split('/').slice(1).map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
  if (takenApart.size >= MOST_POINTERS) takenApart.clear();
  takenApart.set(pointer, tokens);
  return tokens;
};

/** The value a JSON pointer (RFC 6901) leads to; undefined when it leads nowhere. Inherited members do not count. */
export const at = (document: unknown, pointer: string): unknown => {
  let node = document;
  for (const key of tokensOf(pointer)) {
    if (typeof node !== 'object' || node === null || !Object.hasOwn(node, key)) return undefined;
    node = (node as Readonly<Record<string, unknown>>)[key];
  }
  return node;
};

/** The members of an object; none of anything else. */
export const membersOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Readonly<Record<string, unknown>>) : {};
