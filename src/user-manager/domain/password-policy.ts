/** Bounds in code points (NIST SP 800-63B-4, 3.1.1.2: at least 15 where the password is the only factor). */
export const MIN_PASSWORD_LENGTH = 15;
export const MAX_PASSWORD_LENGTH = 128;

/** Tells what is wrong with a new password, or undefined. Every character is allowed and counts. */
export const passwordFault = (password: string): string | undefined => {
  const length = Array.from(password.normalize('NFC')).length;
  if (length < MIN_PASSWORD_LENGTH) return `must have at least ${MIN_PASSWORD_LENGTH} characters`;
  if (length > MAX_PASSWORD_LENGTH) return `must have at most ${MAX_PASSWORD_LENGTH} characters`;
  return undefined;
};
