import { ucumOf } from '../../measurement/unit-spelling.ts';
import type { Members } from '../shapes/shape.ts';
import { audiogramMeasures } from './audiogram.ts';
import { activitySummaryMeasures, sleepGoalMeasures } from './daily.ts';
import { electrocardiogramMeasures } from './electrocardiogram.ts';
import { foodMeasures } from './food.ts';
import type { Found, Measure, Measures, Words } from './measure.ts';
import { doseMeasures, medicationMeasures } from './medication.ts';
import { assessmentMeasures, stateOfMindMeasures } from './mind.ts';
import { birthMeasures } from './person.ts';
import { routeMeasures } from './route.ts';
import { visionMeasures } from './vision.ts';
import { workoutMeasures } from './workout.ts';

const readers: ReadonlyMap<string, (item: Members, seconds: number) => Found> = new Map([
  ['HKWorkoutTypeIdentifier', workoutMeasures], ['HKWorkoutRouteTypeIdentifier', routeMeasures], ['HKDataTypeIdentifierElectrocardiogram', electrocardiogramMeasures],
  ['HKDataTypeIdentifierAudiogram', audiogramMeasures], ['HKCorrelationTypeIdentifierFood', foodMeasures], ['HKStateOfMindTypeIdentifier', stateOfMindMeasures],
  ['HKScoredAssessmentTypeIdentifierGAD7', assessmentMeasures], ['HKScoredAssessmentTypeIdentifierPHQ9', assessmentMeasures],
  ['HKActivitySummaryTypeIdentifier', activitySummaryMeasures], ['HKDataTypeSleepDurationGoal', sleepGoalMeasures],
  ['HKCharacteristicTypeIdentifierDateOfBirth', birthMeasures], ['HKVisionPrescriptionTypeIdentifier', visionMeasures],
  ['HKMedicationDoseEventTypeIdentifierMedicationDoseEvent', doseMeasures], ['HKDataTypeIdentifierUserAnnotatedMedicationConcept', medicationMeasures],
]);

const isMeasure = (one: Measure | Words): one is Measure => 'unit' in one;

/** A measure in a unit that nobody knows goes by a name that no rule reads, so that the record names it beside all else. */
const named = (name: string, one: Measure | Words): string => (isMeasure(one) && ucumOf(one.unit) === undefined ? `${name} [${one.unit}]` : name);

/** What several libraries say in several ways of a sample that is no single number, in one way; undefined for types that are. */
export const measuresOf = (item: Members, type: string | null, seconds: number): Measures | undefined => {
  const found = readers.get(type ?? '')?.(item, seconds);
  return found && Object.fromEntries(Object.entries(found).flatMap(([name, one]) => (one === undefined ? [] : [[named(name, one), one]])));
};
