import type { OtherClock } from './clock.ts';

/** What came back to one GET: a status and the server's time, or why nothing came. */
export interface Reply {
  readonly status?: number;
  readonly body: string;
  /** A code of the system or of TLS, `too-late`, or `no-http`. */
  readonly failure?: string;
  readonly clock?: OtherClock;
}

const PATIENCE_MS = 5_000;
const MOST_BYTES = 262_144;

const failureOf = (error: unknown): string => {
  if (error instanceof Error && error.name === 'TimeoutError') return 'too-late';
  const { cause } = error as { cause?: { code?: unknown } };
  return typeof cause?.code === 'string' ? cause.code : 'no-http';
};

const beginningOf = async (response: Response): Promise<string> => {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MOST_BYTES) break;
  }
  return Buffer.concat(chunks).toString('utf8');
};

/** Asks one URL, for at most 5 seconds, following nothing; `whose` names the server in what is told of its clock. */
export const ask = async (url: string, whose: string, headers: Readonly<Record<string, string>> = {}): Promise<Reply> => {
  const askedMs = Date.now();
  try {
    const address = new URL(url);
    address.username = address.password = ''; // as the program itself calls it
    const response = await fetch(address, { headers, redirect: 'manual', signal: AbortSignal.timeout(PATIENCE_MS) });
    const answeredMs = Date.now();
    const saidMs = Date.parse(response.headers.get('date') ?? '');
    return { status: response.status, body: await beginningOf(response), ...(!Number.isNaN(saidMs) && { clock: { whose, saidMs: saidMs + 500, askedMs, answeredMs } }) };
  } catch (error) {
    return { failure: failureOf(error), body: '' };
  }
};
