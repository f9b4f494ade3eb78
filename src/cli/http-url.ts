import { RefusedError } from './command-context.ts';

/** The address of a service that an option says; `localhost:3001` is none, for all before a colon would be its scheme. */
export const httpUrl = (option: string, text: string): string => {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) throw new RefusedError(`--${option} is no URL that begins with http:// or https://.`, 'wrong-use');
  return text;
};
