import type { UserAccount } from './domain/user-account.ts';
import { claimsOf, wireUserOf } from './handlers/user-record.ts';

/** The identifier by which other services know a person as a patient: the member that a setting names of what `/userinfo` answers, else `_id`. */
export const patientIdOf = (user: UserAccount, key: string | undefined): string | undefined => {
  if (key === undefined) return user.id;
  const members: Readonly<Record<string, unknown>> = { ...wireUserOf(user), ...claimsOf(user) };
  const found = Object.hasOwn(members, key) ? members[key] : undefined;
  return typeof found === 'string' && found !== '' ? found : undefined;
};
