import type { UserState } from './user-account.ts';

/** From which states a user may be moved to each; the same one again is no move. */
const allowedFrom: Readonly<Record<UserState, readonly UserState[]>> = {
  PUBLIC: ['DRAFT'],
  DRAFT: ['PUBLIC', 'TRASH'],
  TRASH: ['PUBLIC', 'DRAFT', 'DELETED'],
  DELETED: ['TRASH'],
};

/** The states from which `stateTo` can be reached in one move. */
export const statesBefore = (stateTo: UserState): readonly UserState[] => allowedFrom[stateTo];
