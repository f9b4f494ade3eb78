import type { operations } from '../../generated/bff.d.ts';
import type { UserInfo } from './upstream/user-manager.ts';

/** The signed-in person, and the session to speak to the User Manager with. */
export interface Caller {
  readonly patientId: string;
  readonly profile: UserInfo;
  readonly sid: string;
}

/** The operations this service answers itself; those of the platform are answered for it. */
export type Operations = Omit<operations, `bff${string}`>;
