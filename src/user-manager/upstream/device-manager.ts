import type { paths } from '../../../generated/device-manager.d.ts';
import specification from '../../../generated/device-manager.json' with { type: 'json' };
import { problem } from '../../http/problem.ts';
import { createUpstream } from '../../http/upstream.ts';

/** What was erased of an account, by kind. */
export type AccountCounts = Readonly<Record<string, number>>;

/** Asks a Device Manager to erase all of a patient; one of another vendor, which cannot, is left alone. Throws 502 or 503. */
export const requestErasure = async (baseUrl: string, serviceToken: string, patientId: string, account: AccountCounts): Promise<void> => {
  const client = createUpstream<paths>({ baseUrl, spec: specification, timeoutMs: 20_000, maxBytes: 1_048_576 });
  try {
    const asked = { params: { path: { patientId } }, body: { confirm: patientId, account }, headers: { authorization: `Bearer ${serviceToken}` } };
    const { response } = await client.POST('/patients/{patientId}/erasure', asked);
    if (!response.ok && response.status !== 404 && response.status !== 405) throw problem('upstream-invalid', { cause: new Error(`The Device Manager answered ${String(response.status)} to an erasure.`) });
  } finally {
    await client.close();
  }
};
