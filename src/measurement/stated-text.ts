const DECIMAL = /^[+-]?\d+(\.\d+)?([eE][+-]?\d{1,3})?$/;

/** The number that a text with a decimal point stands for, as programs print it: `71.5`, `5e-06`; undefined for any other text, `71,5` among them. */
export const decimalOf = (text: string): number | undefined => (DECIMAL.test(text) ? Number(text) : undefined);

/** What a text, a number or a truth reads as; nothing for all else: an object of a sender may have a `toString` that is no function. */
export const wordOf = (value: unknown): string => (['string', 'number', 'boolean'].includes(typeof value) ? String(value) : '');
