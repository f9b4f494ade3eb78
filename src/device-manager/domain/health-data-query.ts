import type { Condition, MemberKind, Vocabulary } from '../../query/condition.ts';

const kinds: Readonly<Record<string, MemberKind | 'sealed'>> = {
  _id: 'id', patientId: 'text', deviceId: 'text', providerId: 'text', rawDataType: 'text', rawDataFormat: 'text', normalizedDataType: 'text', state: 'text', reason: 'text',
  ruleId: 'text', ruleVersion: 'number', recordedAt: 'instant', observedAt: 'instant', receivedAt: 'instant', createdAt: 'instant', updatedAt: 'instant', creatorId: 'text', updaterId: 'text',
  __STATE__: 'text', rawData: 'sealed', normalizedData: 'sealed',
};

/** What can be asked about samples: what is kept in clear; `observedAt` is another name of `recordedAt`. */
export const healthDataVocabulary: Vocabulary = {
  kindOf: (member) => {
    const [first = ''] = member.split('.', 1);
    const kind = Object.hasOwn(kinds, first) ? kinds[first] : undefined;
    return first === member || kind === 'sealed' ? kind : undefined;
  },
  patterns: true,
  unknownMember: 'Name members of health data alone.',
};

const LONGEST_PATIENT_ID = 128;

/** The patients that a condition names outright: who asks so learns of them even when nothing fits. */
export const patientsNamedIn = (condition: Condition): string[] => {
  if ('all' in condition) return condition.all.flatMap(patientsNamedIn);
  if ('any' in condition) return condition.any.flatMap(patientsNamedIn);
  const { member, comparison, values } = condition;
  if (member !== 'patientId' || (comparison !== 'equal' && comparison !== 'in')) return [];
  return values.filter((value): value is string => typeof value === 'string' && value !== '' && value.length <= LONGEST_PATIENT_ID);
};

/** Whether a condition asks for deleted samples, which nobody sees who does not name them. */
export const asksForDeleted = (condition: Condition): boolean => {
  if ('all' in condition) return condition.all.some(asksForDeleted);
  if ('any' in condition) return condition.any.some(asksForDeleted);
  const { member, comparison, values } = condition;
  return member === 'state' && (comparison === 'equal' || comparison === 'in') && values.includes('deleted');
};
