/** An item without identifier, type and dates, and what its record holds: values, and pointers to what it refers to. */
type Example = readonly [item: object, ...expected: (readonly [code: string, unitCode: string, value: number] | string)[]];

const apple = (code: string): string => `http://developer.apple.com/documentation/healthkit/${code}`;
const loinc = (code: string): string => `https://loinc.org/${code}`;
const happened = (code: string) => [apple(code), '{event}', 1] as const;

/** Of R4, as hospitals give it to the Health app. It is no value: the record refers to it, and `/fhir` hands it out. */
const clinical = (resourceType: string): readonly Example[] => [[{ fhirData: { resourceType, id: '1' }, fhirRelease: 'R4', fhirVersion: '4.0.1' }, '/fhirData']];

const sphere = { quantity: -2.25, unit: 'D' };

/** Types that are neither one quantity nor one category, in the shapes of several libraries. */
export const recordsByType: Readonly<Record<string, readonly Example[]>> = {
  HKCorrelationTypeIdentifierBloodPressure: [
    [{ unit: 'mmHg', bloodPressureSystolicValue: 120, bloodPressureDiastolicValue: 80 }, [loinc('8480-6'), 'mm[Hg]', 120], [loinc('8462-4'), 'mm[Hg]', 80]],
    [{ bloodPressureSystolicValue: 120, bloodPressureDiastolicValue: 80 }, [loinc('8480-6'), 'mm[Hg]', 120], [loinc('8462-4'), 'mm[Hg]', 80]],
  ],
  HKCorrelationTypeIdentifierFood: [
    [{ objects: [{ quantityType: 'HKQuantityTypeIdentifierDietaryProtein', quantity: 0.02, unit: 'kg' }, { quantityType: 'HKQuantityTypeIdentifierDietaryEnergyConsumed', quantity: 2092, unit: 'kJ' }] },
      [loinc('9052-2'), 'kcal', 500], [apple('HKQuantityTypeIdentifierDietaryProtein'), 'g', 20]],
    // Two samples of one nutrient in one meal.
    [{ objects: [{ quantityType: 'HKQuantityTypeIdentifierDietaryProtein', quantity: 5, unit: 'g' }, { quantityType: 'HKQuantityTypeIdentifierDietaryProtein', quantity: 7000, unit: 'mg' }] },
      [apple('HKQuantityTypeIdentifierDietaryProtein'), 'g', 12]],
  ],
  HKWorkoutTypeIdentifier: [
    [{ activityId: 37, duration: 1800, calories: 312.5, distance: 1, workoutEvents: [{ eventTypeInt: 1, eventType: 'pause' }, { eventTypeInt: 1, eventType: 'pause' }] },
      [apple('HKWorkout/duration'), 'min', 30], [loinc('41981-2'), 'kcal', 312.5], [apple('HKWorkout/totalDistance'), 'm', 1609.344], [apple('HKWorkoutEventType/pause'), '{event}', 2]],
    [{ workoutActivityType: 52, duration: { quantity: 30, unit: 'min' }, totalDistance: { quantity: 2, unit: 'km' }, totalFlightsClimbed: { quantity: 3, unit: 'count' },
      statistics: { HKQuantityTypeIdentifierHeartRate: { averageQuantity: { quantity: 2, unit: 'count/s' }, maximumQuantity: { quantity: 150, unit: 'count/min' } } } },
    [apple('HKWorkout/duration'), 'min', 30], [apple('HKWorkout/totalDistance'), 'm', 2000], [apple('HKWorkout/averageHeartRate'), '/min', 120], [apple('HKWorkout/maximumHeartRate'), '/min', 150], [apple('HKWorkout/totalFlightsClimbed'), '{count}', 3]],
    [{ duration: { quantity: 30, unit: 'min' }, statistics: [{ type: 'HKQuantityTypeIdentifierActiveEnergyBurned', sum: 300, unit: 'kcal' }, { type: 'HKQuantityTypeIdentifierHeartRate', average: 120, minimum: 90, unit: 'count/min' }],
      metadata: { HKElevationAscended: '2403 cm', HKAverageMETs: '5.5 kcal/hr·kg' } },
    [apple('HKWorkout/duration'), 'min', 30], [loinc('41981-2'), 'kcal', 300], [apple('HKWorkout/averageHeartRate'), '/min', 120], [apple('HKWorkout/minimumHeartRate'), '/min', 90],
    [apple('HKWorkout/averageMETs'), 'kcal/(kg.h)', 5.5], [apple('HKWorkout/elevationAscended'), 'm', 24.03]],
  ],
  HKWorkoutRouteTypeIdentifier: [[{ locations: [{ latitude: 0, longitude: 0 }, { latitude: 0, longitude: 0.001 }] }, [apple('HKWorkoutRoute/points'), '{count}', 2], '/locations']],
  HKDataTypeIdentifierElectrocardiogram: [
    [{ averageHeartRate: 62, classification: 'SinusRhythm', samplingFrequency: 512, voltageMeasurements: [[0, 1e-6]] }, [loinc('8867-4'), '/min', 62], happened('HKElectrocardiogram/Classification/sinusRhythm'), '/voltageMeasurements'],
    [{ averageHeartRateBpm: 62, classification: 'atrialFibrillation', voltages: [{ timeSinceSampleStart: 0, voltage: 1e-6 }] }, [loinc('8867-4'), '/min', 62], happened('HKElectrocardiogram/Classification/atrialFibrillation'), '/voltages'],
  ],
  HKDataTypeIdentifierHeartbeatSeries: [
    [{ heartbeatSeries: [{ timeSinceSeriesStart: 0.5, precededByGap: false }] }, '/heartbeatSeries'], [{ heartbeats: [{ timeSinceSeriesStart: 0.5, precededByGap: false }] }, '/heartbeats'],
  ],
  HKDataTypeIdentifierAudiogram: [
    [{ sensitivityPoints: [{ frequency: { quantity: 1, unit: 'kHz' }, leftEarSensitivity: { quantity: 20, unit: 'dBHL' }, rightEarSensitivity: -5 }] },
      [apple('HKAudiogramSensitivityPoint/leftEar1000Hz'), 'dB{HL}', 20], [apple('HKAudiogramSensitivityPoint/rightEar1000Hz'), 'dB{HL}', -5]],
    [{ frequencies: [500, 8000], leftEarSensitivities: [10, 15], rightEarSensitivities: [12.5] },
      [apple('HKAudiogramSensitivityPoint/leftEar500Hz'), 'dB{HL}', 10], [apple('HKAudiogramSensitivityPoint/rightEar500Hz'), 'dB{HL}', 12.5], [apple('HKAudiogramSensitivityPoint/leftEar8000Hz'), 'dB{HL}', 15]],
  ],
  HKStateOfMindTypeIdentifier: [
    [{ valence: -0.6, kind: 1, valenceClassification: 2, labels: [4, 29], associations: [17] }, [apple('HKStateOfMind/valence'), '{score}', -0.6], happened('HKStateOfMind/ValenceClassification/unpleasant'),
      happened('HKStateOfMind/Kind/momentaryEmotion'), happened('HKStateOfMind/Label/anxious'), happened('HKStateOfMind/Label/stressed'), happened('HKStateOfMind/Association/work')],
    [{ valence: 0.6, kind: 'DailyMood', labels: ['Happy'], associations: ['Self Care'] }, [apple('HKStateOfMind/valence'), '{score}', 0.6], happened('HKStateOfMind/Kind/dailyMood'), happened('HKStateOfMind/Label/happy'), happened('HKStateOfMind/Association/selfCare')],
  ],
  HKVisionPrescriptionTypeIdentifier: [
    [{ rightEye: { sphere, axis: { quantity: 90, unit: 'deg' }, prism: { amount: { quantity: 1, unit: 'pD' } } }, leftEye: { sphere: -2.5, sphereUnit: 'D', farPD: 31, farPDUnit: 'mm' } },
      [apple('HKVisionPrescription/rightEyeSphere'), '[diop]', -2.25], [apple('HKVisionPrescription/rightEyeAxis'), 'deg', 90], [apple('HKVisionPrescription/rightEyePrismAmount'), "[p'diop]", 1],
      [apple('HKVisionPrescription/leftEyeSphere'), '[diop]', -2.5], [apple('HKVisionPrescription/leftEyeFarPupillaryDistance'), 'mm', 31]],
  ],
  HKScoredAssessmentTypeIdentifierGAD7: [[{ score: 5, answers: [0, 1, 2], risk: 'mild' }, [loinc('70274-6'), '{score}', 5], [apple('HKGAD7Assessment/answer1'), '{score}', 0], [apple('HKGAD7Assessment/answer2'), '{score}', 1], [apple('HKGAD7Assessment/answer3'), '{score}', 2]]],
  HKScoredAssessmentTypeIdentifierPHQ9: [[{ score: 3, answers: [3, 4] }, [loinc('44261-6'), '{score}', 3], [apple('HKPHQ9Assessment/answer1'), '{score}', 3]]],
  HKDataTypeIdentifierUserAnnotatedMedicationConcept: [[{ isArchived: false, hasSchedule: true, medication: { identifier: 'x', displayText: 'Metformin', generalForm: 'tablet' } }, happened('HKUserAnnotatedMedication/active')]],
  HKMedicationDoseEventTypeIdentifierMedicationDoseEvent: [
    [{ logStatus: 4, doseQuantity: 2, scheduledDoseQuantity: 2, unit: 'tablet', medicationConceptIdentifier: 'x' }, happened('HKMedicationDoseEvent/LogStatus/taken'), [apple('HKMedicationDoseEvent/dose'), '{count}', 2], [apple('HKMedicationDoseEvent/scheduledDose'), '{count}', 2]],
    [{ logStatus: 5, doseQuantity: 0.5, scheduledDoseQuantity: 0.5, unit: 'g' }, happened('HKMedicationDoseEvent/LogStatus/skipped'), [apple('HKMedicationDoseEvent/scheduledDose'), 'mg', 500]],
    [{ displayText: 'Metformin', status: 'Taken', dosage: 1, form: 'Tablet' }, happened('HKMedicationDoseEvent/LogStatus/taken'), [apple('HKMedicationDoseEvent/dose'), '{count}', 1]],
  ],
  HKActivitySummaryTypeIdentifier: [
    [{ activeEnergyBurned: 354, activeEnergyBurnedGoal: 360, appleExerciseTime: 16, appleExerciseTimeGoal: 30, appleStandHours: 10, appleStandHoursGoal: 12 },
      [apple('HKActivitySummary/activeEnergyBurned'), 'kcal', 354], [apple('HKActivitySummary/activeEnergyBurnedGoal'), 'kcal', 360], [apple('HKActivitySummary/appleExerciseTime'), 'min', 16],
      [apple('HKActivitySummary/appleExerciseTimeGoal'), 'min', 30], [apple('HKActivitySummary/appleStandHours'), '{count}', 10], [apple('HKActivitySummary/appleStandHoursGoal'), '{count}', 12]],
    [{ activeEnergyBurned: 418.4, activeEnergyBurnedUnit: 'kJ', appleMoveTime: 0, appleMoveTimeGoal: 0 }, [apple('HKActivitySummary/activeEnergyBurned'), 'kcal', 100]],
  ],
  HKDataTypeSleepDurationGoal: [[{ value: 8, unit: 'hr' }, [apple('HKDataTypeSleepDurationGoal'), 'h', 8]]],
  HKCharacteristicTypeIdentifierBiologicalSex: [[{ value: 'female' }, happened('HKBiologicalSex/female')], [{ value: 2 }, happened('HKBiologicalSex/male')], [{ value: 'HKBiologicalSexOther' }, happened('HKBiologicalSex/other')]],
  HKCharacteristicTypeIdentifierBloodType: [[{ value: 'A-' }, happened('HKBloodType/aNegative')], [{ value: 7 }, happened('HKBloodType/oPositive')], [{ value: 'HKBloodTypeABNegative' }, happened('HKBloodType/abNegative')]],
  HKCharacteristicTypeIdentifierDateOfBirth: [[{ value: '1980-12-31', age: 43 }, [apple('HKCharacteristicTypeIdentifierDateOfBirth/age'), 'a', 43]], [{ value: '1980-01-01T00:00:00.000+0100' }, [apple('HKCharacteristicTypeIdentifierDateOfBirth/age'), 'a', 44]]],
  HKCharacteristicTypeIdentifierFitzpatrickSkinType: [[{ value: 3 }, happened('HKFitzpatrickSkinType/III')], [{ value: 'HKFitzpatrickSkinTypeNotSet' }, happened('HKFitzpatrickSkinType/notSet')]],
  HKCharacteristicTypeIdentifierWheelchairUse: [[{ value: 1 }, happened('HKWheelchairUse/no')]],
  HKCharacteristicTypeIdentifierActivityMoveMode: [[{ value: 1 }, happened('HKActivityMoveMode/activeEnergy')]],
  HKClinicalTypeIdentifierAllergyRecord: clinical('AllergyIntolerance'), HKClinicalTypeIdentifierClinicalNoteRecord: clinical('DocumentReference'),
  HKClinicalTypeIdentifierConditionRecord: clinical('Condition'), HKClinicalTypeIdentifierCoverageRecord: clinical('Coverage'), HKClinicalTypeIdentifierImmunizationRecord: clinical('Immunization'),
  HKClinicalTypeIdentifierLabResultRecord: clinical('Observation'), HKClinicalTypeIdentifierMedicationRecord: clinical('MedicationRequest'),
  HKClinicalTypeIdentifierProcedureRecord: clinical('Procedure'), HKClinicalTypeIdentifierVitalSignRecord: clinical('Observation'),
};
