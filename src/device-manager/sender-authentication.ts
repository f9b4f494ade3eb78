import type { Authenticators, HeaderView } from '../http/authentication.ts';
import { problem } from '../http/problem.ts';
import { basicOf, bearerOf } from '../http/request-credentials.ts';
import { isProtected } from '../http/transport.ts';
import type { Caller } from './caller.ts';
import type { KeyHolder } from './storage/api-key-table.ts';
import type { SenderTokens } from './sender-tokens.ts';

/** What judging webhook senders stands on. */
export interface SenderAuthentication {
  /** Who holds a key that is neither revoked nor expired. */
  readonly senderOfKey: (key: string) => Promise<KeyHolder | undefined>;
  readonly tokens: SenderTokens;
  /** Addresses and networks of proxies whose word about TLS counts. */
  readonly trustedProxies: readonly string[];
}

const longestKey = 512;

/** The security schemes of webhook senders. A credential that came in clear is refused unjudged: whether it is right is nobody's business on that wire. */
export const senderAuthenticators = ({ senderOfKey, tokens, trustedProxies }: SenderAuthentication): Authenticators<Caller> => {
  const judged = async (view: HeaderView, judge: () => Promise<KeyHolder | undefined>): Promise<Caller | null> => {
    if (!isProtected(view, trustedProxies)) throw problem('insecure-transport');
    const holder = await judge();
    return holder === undefined ? null : { kind: 'sender', ...holder };
  };
  return {
    senderKey: async (view) => {
      const key = view.headers['x-api-key'];
      return typeof key === 'string' && key.length <= longestKey ? judged(view, () => senderOfKey(key)) : null;
    },
    senderToken: async (view) => {
      const token = bearerOf(view.headers);
      return token === undefined ? null : judged(view, () => tokens.senderOf(token));
    },
    senderBasic: async (view) => {
      const basic = basicOf(view.headers);
      if (basic === undefined || basic.password.length > longestKey) return null;
      return judged(view, async () => {
        const holder = await senderOfKey(basic.password);
        return holder?.sender === basic.user ? holder : undefined;
      });
    },
  };
};
