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
  readonly unit: string;
  readonly system: 'http://unitsofmeasure.org';
  readonly code: string;
}

/** `versionId` changes whenever the resource does. */
export interface Meta {
  readonly versionId?: string;
  readonly lastUpdated?: string;
  readonly profile?: readonly string[];
}

/** A value, or why there is none. */
export interface Valued {
  readonly valueQuantity?: Quantity;
  readonly dataAbsentReason?: CodeableConcept;
}

export interface ObservationComponent extends Valued {
  readonly code: CodeableConcept;
}

export interface FhirObservation extends Valued {
  readonly resourceType: 'Observation';
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

const fhirId = /^[A-Za-z0-9.-]{1,64}$/;

/** A reference to a patient: by address where the identifier can be one, and always by identifier, for patients are kept elsewhere. */
export const patientReference = (patientId: string): Reference => ({
  ...(fhirId.test(patientId) && { reference: `Patient/${patientId}` }), type: 'Patient', identifier: { system: 'urn:vitalgate:patient', value: patientId },
});
