/** The header by which the BFF does what is asked only while that person (their `sub`) is signed in. */
export const expecting = (sub: string): Readonly<Record<string, string>> => ({ 'vitalgate-expected-user': encodeURIComponent(sub) });
