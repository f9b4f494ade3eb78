/** A person as the User Manager knows them; instants are UTC. */
export interface UserAccount {
  /** 32 hex characters. */
  readonly id: string;
  readonly username: string;
  readonly email: string;
  readonly name?: string;
  /** `patient`, `operator`, `clinician`, or a group of the installation's own. */
  readonly userGroup: string;
  readonly blocked: boolean;
  readonly state: 'PUBLIC' | 'DRAFT' | 'TRASH' | 'DELETED';
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly creatorId: string;
  readonly updaterId: string;
}

/** How a session is presented: a cookie never counts as a bearer token, nor the other way round. */
export type SessionKind = 'cookie' | 'bearer';

/** The group whose members may use the operations of services. */
export const OPERATOR_GROUP = 'operator';
