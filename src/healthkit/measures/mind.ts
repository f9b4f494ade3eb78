import { numberOf } from '../item-value.ts';
import type { Members } from '../shapes/shape.ts';
import { measureIn, measureOf, wordsIn, type Found } from './measure.ts';

/** How somebody felt: from -1, very unpleasant, to 1; for the moment or the day; with what was felt and what it had to do with. */
export const stateOfMindMeasures = (item: Members): Found => ({
  valence: measureOf(item, ['valence'], '{score}'),
  valenceClassification: wordsIn(item['valenceClassification']),
  kind: wordsIn(item['kind']),
  labels: wordsIn(item['labels']),
  associations: wordsIn(item['associations']),
});

const answersOf = (item: Members): readonly (number | undefined)[] => (Array.isArray(item['answers']) ? item['answers'].map(numberOf) : []);

/** The score of a questionnaire, and its answers from 0 to 3. HealthKit writes 4 for an answer that a person preferred not to give. */
export const assessmentMeasures = (item: Members): Found => {
  const answers = answersOf(item).map((answer, index) => [index + 1, answer] as const);
  const withheld = answers.filter(([, answer]) => answer === 4).map(([number]) => number);
  return {
    score: measureOf(item, ['score', 'value'], '{score}'),
    ...Object.fromEntries(answers.filter(([, answer]) => answer !== 4).map(([number, answer]) => [`answer${String(number)}`, measureIn(answer, '{score}')])),
    withheld: wordsIn(withheld),
  };
};
