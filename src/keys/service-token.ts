/** What keeps a text from being a service token: guessed too easily, or carried by no header; undefined when nothing does. */
export const serviceTokenFault = (text: string): string | undefined => {
  if (text.length < 32) return 'is shorter than 32 characters';
  if (text.length > 512) return 'is longer than 512 characters';
  return /^[\x21-\x7e]+$/.test(text) ? undefined : 'has characters other than visible ASCII, which no header carries';
};
