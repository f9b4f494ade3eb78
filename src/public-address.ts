/** Where one process of ours reaches another: a wildcard address is not one to connect to. */
export const reachableHost = (host: string): string => ({ '0.0.0.0': '127.0.0.1', '::': '::1', '': '127.0.0.1' })[host] ?? host;

/** Cookies are `Secure` unless people reach the BFF by plain http on loopback. */
export const cookiesAreSecure = ({ publicUrl, host, tls }: { readonly publicUrl: string | undefined; readonly host: string; readonly tls: boolean }): boolean => {
  const { protocol, hostname } = new URL(publicUrl ?? `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}`);
  return protocol !== 'http:' || !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
};
