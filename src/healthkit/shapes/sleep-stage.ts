/** Analysis of sleep. */
export const SLEEP = 'HKCategoryTypeIdentifierSleepAnalysis';

/** Stages of sleep as the bridges say them, in the words of react-native-health. */
const stages: Readonly<Record<string, string>> = {
  sleepasleep: 'ASLEEP', sleepunknown: 'ASLEEP', asleep: 'ASLEEP', sleeplight: 'CORE', sleepcore: 'CORE', light: 'CORE', core: 'CORE',
  sleepdeep: 'DEEP', deep: 'DEEP', sleeprem: 'REM', rem: 'REM', sleepawake: 'AWAKE', awake: 'AWAKE', sleepinbed: 'INBED', inbed: 'INBED',
};

/** The stage a bridge means; undefined for a word nobody knows. */
export const stageOf = (text: unknown): string | undefined =>
  typeof text === 'string' ? stages[text.toLowerCase().replace(/[^a-z]/g, '')] : undefined;
