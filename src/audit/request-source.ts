import { AsyncLocalStorage } from 'node:async_hooks';
import { BlockList, isIPv6 } from 'node:net';

/** What is known of where a request came from. The address itself is personal and is not kept. */
export interface RequestSource {
  readonly requestId: string;
  readonly peer: PeerClass;
}

export type PeerClass = 'loopback' | 'private' | 'public' | 'none';

const subnets = (...nets: readonly (readonly [string, number, 'ipv4' | 'ipv6'])[]): BlockList => {
  const list = new BlockList();
  for (const [net, bits, family] of nets) list.addSubnet(net, bits, family);
  return list;
};

const loopback = subnets(['127.0.0.0', 8, 'ipv4'], ['::1', 128, 'ipv6']);
/** RFC 1918, RFC 6598, RFC 3927, RFC 4193 and RFC 4291 2.5.6. */
const inside = subnets(
  ['10.0.0.0', 8, 'ipv4'], ['172.16.0.0', 12, 'ipv4'], ['192.168.0.0', 16, 'ipv4'], ['100.64.0.0', 10, 'ipv4'], ['169.254.0.0', 16, 'ipv4'],
  ['fc00::', 7, 'ipv6'], ['fe80::', 10, 'ipv6'],
);

/** The class of a peer's address; `none` where there is no connection (a socket that is gone, a job, the command line). */
export const peerClassOf = (address: string | undefined): PeerClass => {
  if (address === undefined) return 'none';
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').split('%', 1)[0] ?? '';
  const family = isIPv6(plain) ? 'ipv6' : 'ipv4';
  if (loopback.check(plain, family)) return 'loopback';
  return inside.check(plain, family) ? 'private' : 'public';
};

const sources = new AsyncLocalStorage<RequestSource>();

/** Runs what a request causes, so that audit rows written on the way can name the request. */
export const withSource = <Result>(source: RequestSource, work: () => Result): Result => sources.run(source, work);

/** The source of the request under way; undefined in jobs and on the command line. */
export const currentSource = (): RequestSource | undefined => sources.getStore();
