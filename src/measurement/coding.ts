/** A quantity by its LOINC code, with the unit for people (`unit`, "mmHg") and for programs (`unitCode`, UCUM "mm[Hg]"). */
export interface Coding {
  /** LOINC code without system, "8480-6"; or a URN of our own. */
  readonly code: string;
  readonly name: string;
  readonly unit: string;
  readonly unitCode: string;
}

/** One value of a record; `code` is the LOINC address "https://loinc.org/<code>", or a URN of our own where LOINC has none. */
export interface Observation extends Coding {
  readonly value: number;
  /** What a reader must know about the value; all values are text ("true", "false", "mmHg"). */
  readonly annotation?: Readonly<Record<string, string>>;
}

/** When it was measured: UTC, ISO 8601; `endDate` only where it differs. */
export interface Period {
  readonly startDate: string;
  readonly endDate?: string;
  /** Minutes east of UTC that a clock at the place showed, and who says so. */
  readonly offsetMinutes?: number;
  readonly offsetFrom?: 'HKTimeZone' | 'declared' | 'batch';
}

/** A document, sampled data or a resource of FHIR that belongs to a record and stays where it was received. */
export interface Attachment {
  readonly kind: 'document' | 'sampled-data' | 'resource';
  /** As of an observation. */
  readonly code: string;
  readonly name: string;
  /** JSON pointer into the sample as received. */
  readonly pointer: string;
  readonly contentType?: string;
  readonly sizeBytes?: number;
}

/** A normalized record as readers of health data get it. */
export interface NormalizedData {
  readonly period: Period;
  readonly observations: readonly Observation[];
  readonly attachments?: readonly Attachment[];
  /** Metrics that were received and that no rule reads. */
  readonly unrecognized?: readonly string[];
}

const LOINC = 'https://loinc.org/';

/** The address of a LOINC code; a code that is an address or a URN is its own. */
export const loincUrl = (code: string): string => (/^(urn|https?):/.test(code) ? code : LOINC + code);

/** The LOINC code of an address made by `loincUrl`; other text is returned as it is. */
export const loincCode = (url: string): string => (url.startsWith(LOINC) ? url.slice(LOINC.length) : url);
