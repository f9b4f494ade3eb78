import { problem } from '../http/problem.ts';
import type { UserInfo } from './upstream/user-manager.ts';

/** Text that a header and a query carry unharmed. */
const isId = (value: unknown): value is string => typeof value === 'string' && /^(?! )[\x20-\x7e]{1,128}(?<! )$/.test(value);

/**
 * Which member of userinfo is the patient's id: the one named, else `_id`, else `sub`.
 * The function it makes throws `upstream-invalid`, with a cause that names the member, when that is no usable text.
 */
export const patientIdReader = (customKey: string | undefined) => (profile: UserInfo): string => {
  const hasOwn = (key: string): boolean => Object.hasOwn(profile, key) && profile[key as keyof UserInfo] != null;
  const key = customKey ?? (hasOwn('_id') ? '_id' : 'sub');
  const id: unknown = hasOwn(key) ? profile[key as keyof UserInfo] : undefined;
  if (isId(id)) return id;
  const named = customKey === undefined ? '' : ', which CUSTOM_USER_ID_KEY names';
  throw problem('upstream-invalid', { cause: new Error(`The User Manager answered userinfo without usable text in ${key}${named}.`) });
};
