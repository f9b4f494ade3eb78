import { createHash, timingSafeEqual } from 'node:crypto';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Tells whether a token is one of the accepted ones, in the same time whatever it is; an empty one never is. */
export const isServiceToken = (token: string | undefined, accepted: readonly string[]): boolean => {
  if (token === undefined || token === '') return false;
  const given = digest(token);
  return accepted.map((one) => timingSafeEqual(given, digest(one))).includes(true);
};

/**
 * The patient a service speaks for, from the header of USERID_HEADER_KEY, which counts only behind the service credential. Undefined without
 * that header alone, for then the service speaks for all; null when it is there and names nobody. Sent twice it is one text with a comma,
 * which is no patient's.
 */
export const patientOf = (header: string | string[] | undefined): string | null | undefined => {
  const patientId = typeof header === 'string' ? header.trim() : header && '';
  return patientId === undefined || (patientId !== '' && patientId.length <= 128) ? patientId : null;
};
