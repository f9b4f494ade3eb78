const NAME = 'sid';

/** `Set-Cookie` for a new session; `secure` is false only where people reach us by plain http on loopback. */
export const sessionCookie = (token: string, { maxAgeSeconds, secure }: { readonly maxAgeSeconds: number; readonly secure: boolean }): string =>
  `${NAME}=${token}; Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`;

/** `Set-Cookie` that makes a browser forget the session; without Max-Age, which old clients read as a new lifetime. */
export const clearedSessionCookie = (secure: boolean): string =>
  `${NAME}=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`;

/** The `sid` of a Cookie header; undefined when there is none, or several: which of them is ours cannot be told (cookie tossing). */
export const sidOf = (header: string | undefined): string | undefined => {
  const values = (header ?? '').split(';').map((pair) => pair.trim()).filter((pair) => pair.startsWith(`${NAME}=`));
  return values.length === 1 ? values[0]?.slice(NAME.length + 1) : undefined;
};

/** Cookies are `Secure` unless the public address is plain http on loopback. */
export const cookiesAreSecure = (publicUrl: string): boolean => {
  const { protocol, hostname } = new URL(publicUrl);
  return protocol !== 'http:' || !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
};
