/**
 * A PostgreSQL array of values that need no quotes (numbers, UUIDs) as one text parameter: the driver itself looks at each value for what
 * to escape, which costs more than all the rest of an upload's statement.
 */
export const arrayText = <Value>(values: readonly Value[], textOf: (value: Value) => string | number | bigint | null): string => {
  let text = '{';
  for (let index = 0; index < values.length; index += 1) {
    const one = textOf(values[index] as Value);
    text += `${index === 0 ? '' : ','}${one === null ? 'NULL' : String(one)}`;
  }
  return `${text}}`;
};
