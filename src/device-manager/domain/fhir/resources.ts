/** The parts of FHIR R4 that are sent; members are named and meant as there. */
export interface FhirCoding {
  readonly system: string;
  readonly code: string;
  readonly display?: string;
}

export interface CodeableConcept {
  readonly coding?: readonly FhirCoding[];
  readonly text?: string;
}

export interface Identifier {
  readonly system: string;
  readonly value: string;
}

export interface Reference {
  readonly reference?: string;
  readonly type?: 'Patient' | 'Device';
  readonly identifier?: Identifier;
  readonly display?: string;
}

export interface Quantity {
  readonly value: number;
  /** The value is a limit: what was measured lies beyond it. */
  readonly comparator?: '<' | '<=' | '>=' | '>';
  readonly unit: string;
  readonly system: 'http://unitsofmeasure.org';
  readonly code: string;
}

/** A trace: values of one dimension at equal distances, `period` in milliseconds. */
export interface SampledData {
  readonly origin: Quantity;
  readonly period: number;
  readonly dimensions: 1;
  readonly data: string;
}

/** `versionId` changes whenever the resource does. */
export interface Meta {
  readonly versionId?: string;
  readonly lastUpdated?: string;
  readonly profile?: readonly string[];
  readonly tag?: readonly unknown[];
}

/** A value, or why there is none. */
export interface Valued {
  readonly valueQuantity?: Quantity;
  readonly dataAbsentReason?: CodeableConcept;
}

export interface ObservationComponent extends Valued {
  readonly code: CodeableConcept;
  readonly valueSampledData?: SampledData;
}

export interface FhirObservation extends Valued {
  readonly resourceType: 'Observation';
  readonly valueCodeableConcept?: CodeableConcept;
  readonly id: string;
  readonly meta: Meta;
  readonly identifier: readonly Identifier[];
  readonly status: 'preliminary' | 'final' | 'amended' | 'corrected' | 'entered-in-error' | 'registered' | 'unknown';
  readonly category: readonly CodeableConcept[];
  readonly code: CodeableConcept;
  readonly subject: Reference;
  readonly effectiveDateTime?: string;
  readonly effectivePeriod?: { readonly start: string; readonly end: string };
  readonly issued: string;
  readonly note?: readonly { readonly text: string }[];
  readonly method?: CodeableConcept;
  readonly device: Reference;
  readonly component?: readonly ObservationComponent[];
}

export interface FhirDevice {
  readonly resourceType: 'Device';
  readonly id: string;
  readonly meta: Meta;
  readonly identifier: readonly Identifier[];
  readonly status: 'active' | 'inactive';
  readonly serialNumber?: string;
  readonly deviceName?: readonly { readonly name: string; readonly type: 'user-friendly-name' }[];
  readonly type: CodeableConcept;
  readonly patient?: Reference;
}

/** A resource that somebody else made, of whatever type. */
export interface FhirResource {
  readonly resourceType: string;
  readonly id: string;
  readonly meta?: Meta;
}

/** A document that is handed out inside. */
export interface FhirDocumentReference extends FhirResource {
  readonly resourceType: 'DocumentReference';
  readonly meta: Meta;
  readonly identifier: readonly Identifier[];
  readonly status: 'current';
  readonly subject: Reference;
  readonly date: string;
  readonly content: readonly [{ readonly attachment: { readonly contentType: string; readonly data: string; readonly title?: string } }];
}

const fhirId = /^[A-Za-z0-9.-]{1,64}$/;

/** A reference to a patient: by address where the identifier can be one, and always by identifier, for patients are kept elsewhere. */
export const patientReference = (patientId: string): Reference => ({
  ...(fhirId.test(patientId) && { reference: `Patient/${patientId}` }), type: 'Patient', identifier: { system: 'urn:vitalgate:patient', value: patientId },
});
