import type { operations } from '../../../generated/user-manager.d.ts';
import type { Call, Reply } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import type { Caller } from '../caller.ts';
import type { UserState } from '../domain/user-account.ts';
import { actorOf, isTaken } from './user-record.ts';

/** What the handlers of states stand on. */
export interface UserStatePorts {
  readonly move: (moves: readonly { readonly id: string; readonly stateTo: UserState }[], updaterId: string) => Promise<number | { readonly taken: string }>;
  readonly softDelete: (id: string, updaterId: string) => Promise<boolean>;
}

/** Moving people between states; for services and operators. */
export const userStateHandlers = ({ move, softDelete }: UserStatePorts) => ({
  changeUserStates: async ({ body, caller }: Call<operations['changeUserStates'], Caller>): Promise<Reply<operations['changeUserStates']>> => {
    const moved = await move(body.map(({ filter, stateTo }) => ({ id: filter._id, stateTo })), actorOf(caller));
    if (typeof moved === 'object') throw isTaken('');
    return { status: 200, body: moved };
  },
  softDeleteUser: async ({ path, caller }: Call<operations['softDeleteUser'], Caller>): Promise<Reply<operations['softDeleteUser']>> => {
    if (!(await softDelete(path.id, actorOf(caller)))) throw problem('not-found');
    return { status: 204 };
  },
});
