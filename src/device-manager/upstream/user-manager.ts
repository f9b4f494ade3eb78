import { createHash } from 'node:crypto';
import type { paths } from '../../../generated/user-manager.d.ts';
import specification from '../../../generated/user-manager.json' with { type: 'json' };
import { createUpstream } from '../../http/upstream.ts';

/** Tells whose access token it is when that is an operator; asks the User Manager at most once a second per token. */
export interface Operators {
  readonly operatorOf: (token: string) => Promise<string | undefined>;
  readonly close: () => Promise<void>;
}

const believedMs = 1_000;
const mostRemembered = 1_000;

/** Connects to the User Manager. Throws 502 or 503 when it cannot tell. */
export const connectOperators = (baseUrl: string): Operators => {
  const client = createUpstream<paths>({ baseUrl, spec: specification, timeoutMs: 5_000, maxBytes: 1_048_576 });
  const remembered = new Map<string, { operator: string | undefined; untilMs: number }>();
  return {
    operatorOf: async (token) => {
      const key = createHash('sha256').update(token).digest('base64');
      const known = remembered.get(key);
      if (known && known.untilMs > Date.now()) return known.operator;
      const { data } = await client.GET('/userinfo', { headers: { authorization: `Bearer ${token}` } });
      const operator = data?.userGroup === 'operator' ? (data._id ?? data.sub) : undefined;
      if (remembered.size >= mostRemembered) remembered.clear();
      remembered.set(key, { operator, untilMs: Date.now() + believedMs });
      return operator;
    },
    close: client.close,
  };
};
