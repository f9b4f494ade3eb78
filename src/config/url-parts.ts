/** The parts of a URL as they were written; a password in it may be too odd for a URL that parses. */
interface UrlParts {
  readonly scheme: string;
  /** User, password, host and port: ends at the first `/`, `?` or `#`, as everybody reads it. */
  readonly authority: string;
  readonly path: string;
  readonly query: string | undefined;
  readonly fragment: string | undefined;
}

/** Takes a URL apart; undefined for what has no scheme and `//`. */
export const urlPartsOf = (text: string): UrlParts | undefined => {
  const [, scheme, authority = '', path = '', query, fragment] = /^([a-z]+:\/\/)([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/is.exec(text) ?? [];
  return scheme === undefined ? undefined : { scheme, authority, path, query, fragment };
};

/**
 * Whether an `@` stands behind the host, where none belongs but in the value of a parameter: a password before it has a `/`, `?` or `#`
 * that ended the host, so that another host would be asked, and the rest of the password be its path.
 */
export const hasLateAt = (text: string): boolean => {
  const { path = '', query = '', fragment = '' } = urlPartsOf(text) ?? {};
  return `${path}${fragment}`.includes('@') || query.split('&').some((pair) => pair.split('=', 1)[0]?.includes('@'));
};
