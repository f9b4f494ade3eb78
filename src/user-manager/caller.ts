import type { operations } from "../../generated/user-manager.d.ts";
import type { UserRow } from './storage/user-table.ts';

/** Who asks: a person with a session, or a service or operator. */
export type Caller =
  | { readonly kind: 'user'; readonly user: UserRow; readonly token: string }
  | { readonly kind: 'service' }
  | { readonly kind: 'operator'; readonly user: UserRow };

/** The operations this service answers itself; those of the platform are answered for it. */
export type Operations = Omit<operations, `userManager${string}`>;
