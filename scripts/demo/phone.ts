/** What an upload's receipt counts. */
export interface Counts {
  readonly received: number;
  readonly created: number;
  readonly duplicates: number;
  readonly conflicts: number;
  readonly rejected: number;
}

export interface Series {
  readonly name: string;
  /** `count` where a point stands for several values. */
  readonly data: readonly { readonly x: number; readonly y: number; readonly count?: number }[];
}

/** The app's side of the BFF's public API, signed in. */
export interface Phone {
  readonly profile: () => Promise<{ sub: string }>;
  readonly assign: (device: Readonly<Record<string, string>>) => Promise<{ _id: string }>;
  readonly upload: (type: string, unit: string, samples: readonly unknown[]) => Promise<Counts>;
  readonly chart: (normalizedDataType: string) => Promise<Series[]>;
}

const answered = async (response: Response, what: string): Promise<unknown> => {
  const text = await response.text();
  if (!response.ok) throw new Error(`${what} answered ${response.status}: ${text}`);
  return text === '' ? undefined : JSON.parse(text);
};

/** Signs in and keeps the session cookie. Throws with the problem's text when an answer is not 2xx. */
export const signIn = async (bff: string, username: string, password: string): Promise<Phone> => {
  const json = { 'content-type': 'application/json' };
  const body = JSON.stringify({ username, password });
  const response = await fetch(`${bff}/oauth/token`, { method: 'POST', headers: json, body });
  await answered(response, 'sign-in');
  const cookie = response.headers.getSetCookie()[0]?.split(';')[0];
  if (cookie === undefined) throw new Error('sign-in set no cookie');

  const get = async (path: string) => answered(await fetch(`${bff}${path}`, { headers: { cookie } }), `GET ${path}`);
  const post = async (path: string, value: unknown) =>
    answered(await fetch(`${bff}${path}`, { method: 'POST', headers: { ...json, cookie }, body: JSON.stringify(value) }), `POST ${path}`);

  return {
    profile: async () => (await get('/profile')) as { sub: string },
    assign: async (device) => (await post('/devices/assign', device)) as { _id: string },
    upload: async (type, unit, samples) => {
      const query = new URLSearchParams({ type, ...(unit === '' ? {} : { unit }) });
      return (await post(`/health-data?${query.toString()}`, samples)) as Counts;
    },
    chart: async (type) => (await get(`/chart-data?normalizedDataType=${type}&points=5000&source=all`)) as Series[],
  };
};
