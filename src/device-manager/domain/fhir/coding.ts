import { loincCode, type Observation } from '../../../measurement/coding.ts';
import type { CodeableConcept, FhirCoding } from './resources.ts';

const LOINC = 'http://loinc.org';
export const HEALTHKIT = 'http://developer.apple.com/documentation/healthkit';
const OWN = 'urn:vitalgate:code';
const CATEGORY = 'http://terminology.hl7.org/CodeSystem/observation-category';
const ABSENT = 'http://terminology.hl7.org/CodeSystem/data-absent-reason';
export const UCUM = 'http://unitsofmeasure.org';

/** LOINC codes of the vital signs profile and the profile of each; others are no vital signs, however vital. */
const vitalSigns: Readonly<Record<string, string>> = {
  '85354-9': 'bp', '8867-4': 'heartrate', '9279-1': 'resprate', '2708-6': 'oxygensat', '8310-5': 'bodytemp', '8302-2': 'bodyheight', '9843-4': 'headcircum',
  '29463-7': 'bodyweight', '39156-5': 'bmi', '8478-0': 'vitalsigns', '8480-6': 'vitalsigns', '8462-4': 'vitalsigns',
};

/** A pulse oximeter's code is more precise than the one the profile asks for: both are sent. */
const profiled: Readonly<Record<string, FhirCoding>> = {
  '59408-5': { system: LOINC, code: '2708-6', display: 'Oxygen saturation in Arterial blood' },
};

const displays: Readonly<Record<string, string>> = { activity: 'Activity', survey: 'Survey', 'social-history': 'Social History', exam: 'Exam', laboratory: 'Laboratory', procedure: 'Procedure', therapy: 'Therapy', 'vital-signs': 'Vital Signs' };

const categories: Readonly<Record<string, string>> = {
  'blood-glucose': 'laboratory', cholesterol: 'laboratory', 'uric-acid': 'laboratory', ketone: 'laboratory', coagulation: 'laboratory',
  'step-count': 'activity', 'active-energy': 'activity', distance: 'activity', 'exercise-time': 'activity', ecg: 'procedure', spirometry: 'procedure', 'medication-dispensing': 'therapy',
  'medication-dose': 'therapy', medication: 'therapy', 'activity-summary': 'activity', 'state-of-mind': 'survey', gad7: 'survey', phq9: 'survey',
  'biological-sex': 'social-history', age: 'social-history', 'wheelchair-use': 'social-history', 'move-mode': 'social-history', 'blood-type': 'laboratory',
};

/** Kinds of movement, of which there are too many to name. */
const moving = /^(active|basal-energy|cycling|distance|exercise|flights|low-cardio|move|nike|paddle|physical|push|rowing|running|six-minute|sleep|stair|stand|swimming|walking|workout|cross-country)/;

/** Blood pressure is one Observation with components; these are they. */
export const bloodPressure: Observation = { code: 'https://loinc.org/85354-9', name: 'Blood pressure panel with all children optional', unit: 'mmHg', unitCode: 'mm[Hg]', value: 0 };
export const pressures: Readonly<Record<string, { readonly metric: string; readonly name: string; readonly required: boolean }>> = {
  '8480-6': { metric: 'systolicBloodPressure', name: 'Systolic blood pressure', required: true },
  '8462-4': { metric: 'diastolicBloodPressure', name: 'Diastolic blood pressure', required: true },
  '8478-0': { metric: 'meanBloodPressure', name: 'Mean blood pressure', required: false },
};

const ofApple = (code: string, name: string): Panel => ({ code: `${HEALTHKIT}/${code}`, name });

interface Panel {
  readonly code: string;
  readonly name: string;
}

/** Records whose values belong together, so that a search for one of them does not find it twice: they are components of one Observation. */
export const panels: Readonly<Record<string, Panel>> = {
  food: { code: '80453-4', name: 'Food intake panel' }, workout: { code: '73985-4', name: 'Exercise activity' },
  audiogram: ofApple('HKDataTypeIdentifierAudiogram', 'Audiogram'), 'state-of-mind': ofApple('HKStateOfMindTypeIdentifier', 'State of mind'),
  'activity-summary': ofApple('HKActivitySummaryTypeIdentifier', 'Activity of a day'), 'vision-prescription': ofApple('HKVisionPrescriptionTypeIdentifier', 'Vision prescription'),
  'medication-dose': ofApple('HKMedicationDoseEventTypeIdentifierMedicationDoseEvent', 'Dose of a medication'),
};

/** Codes of FHIR that hold for a code of a record. */
export const codingsFor = (address: string, name: string): FhirCoding[] => {
  const code = loincCode(address);
  if (code.startsWith(`${HEALTHKIT}/`)) return [{ system: HEALTHKIT, code: code.slice(HEALTHKIT.length + 1), display: name }];
  if (code.startsWith(`${OWN}:`)) return [{ system: OWN, code: code.slice(OWN.length + 1), display: name }];
  const own: FhirCoding = { system: LOINC, code, display: name };
  const asked = profiled[code];
  return asked === undefined ? [own] : [asked, own];
};

/** The code of a quantity; `dataType` is how HealthKit names it. */
export const conceptOf = ({ code, name }: Pick<Observation, 'code' | 'name'>, dataType?: string): CodeableConcept => ({
  coding: [...codingsFor(code, name), ...(dataType === undefined || code === `${HEALTHKIT}/${dataType}` ? [] : [{ system: HEALTHKIT, code: dataType }])], text: name,
});

const profileNames = (codings: readonly FhirCoding[]): string[] => codings.flatMap(({ system, code }) => (system === LOINC && Object.hasOwn(vitalSigns, code) ? [vitalSigns[code] ?? ''] : []));

/** Addresses of the profiles that a code promises to keep. */
export const profilesOf = ({ coding = [] }: CodeableConcept): string[] =>
  [...new Set(profileNames(coding).flatMap((name) => ['vitalsigns', name]))].map((name) => `http://hl7.org/fhir/StructureDefinition/${name}`);

/** What an Observation belongs to: vital signs by their codes, others by what the record is. */
export const categoryOf = ({ coding = [] }: CodeableConcept, normalizedType: string): CodeableConcept => {
  const code = profileNames(coding).length > 0 ? 'vital-signs' : (categories[normalizedType] ?? (moving.test(normalizedType) ? 'activity' : 'exam'));
  return { coding: [{ system: CATEGORY, code, display: displays[code] ?? code }] };
};

const absentReasons: ReadonlySet<string> = new Set([
  'unknown', 'asked-unknown', 'temp-unknown', 'not-asked', 'asked-declined', 'masked', 'not-applicable', 'unsupported', 'as-text', 'error', 'not-a-number',
  'negative-infinity', 'positive-infinity', 'not-performed', 'not-permitted',
]);

/** Why there is no value: in FHIR's code where the sender gave one, else in the sender's words. */
export const absence = (reason: string): CodeableConcept =>
  absentReasons.has(reason) ? { coding: [{ system: ABSENT, code: reason }] } : { coding: [{ system: ABSENT, code: 'unknown' }], text: reason };
