import { BlockList, isIP } from 'node:net';
import type { HeaderView } from './authentication.ts';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4');
/** IPv4 peers of a socket that listens on both come as `::ffff:127.0.0.1`. */
export const plainAddress = (address: string | undefined): string => (address ?? '').replace(/^::ffff:(?=\d+\.)/i, '');
/** Tells whether a list holds an address; what is no address is in none. */
export const holdsAddress = (list: BlockList, address: string): boolean => isIP(address) !== 0 && list.check(address, familyOf(address));

/** The addresses and networks (CIDR) of a list; throws a TypeError for what is neither. */
export const networksOf = (networks: readonly string[]): BlockList => {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    if (isIP(address) === 0) throw new TypeError('is neither an address nor a network');
    if (bits === undefined) list.addAddress(address, familyOf(address));
    else list.addSubnet(address, Number(bits), familyOf(address));
  }
  return list;
};

const forwardingHeaders = ['forwarded', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-real-ip', 'via'];

/**
 * Tells whether what a request carries was protected on its way: by TLS to us, by TLS to a proxy that we trust and that says so, or by never
 * having left this machine. A forwarding header from loopback means a proxy that nobody told us to trust: it counts as unprotected.
 */
export const isProtected = ({ encrypted, remoteAddress, headers }: Pick<HeaderView, 'encrypted' | 'remoteAddress' | 'headers'>, trustedProxies: readonly string[]): boolean => {
  if (encrypted) return true;
  const peer = plainAddress(remoteAddress);
  if (holdsAddress(networksOf(trustedProxies), peer)) return headers['x-forwarded-proto'] === 'https';
  return trustedProxies.length === 0 && holdsAddress(loopback, peer) && forwardingHeaders.every((name) => headers[name] === undefined);
};
