import type { paths } from '../../../generated/device-manager.d.ts';
import specification from '../../../generated/device-manager.json' with { type: 'json' };
import { problem } from '../../http/problem.ts';
import { createUpstream } from '../../http/upstream.ts';

/** Who is to be erased, what stands for them in the audit, and what of the account was erased already, by kind. */
export interface WantedErasure {
  readonly patientId: string;
  readonly auditPseudonym: string;
  readonly account: Readonly<Record<string, number>>;
}

/** Asks the Device Manager to erase all of a patient; one of another vendor, which cannot, is left alone. Throws where it is not known yet, and 502 or 503. */
export const requestErasure = async (baseUrl: string | undefined, serviceToken: string, { patientId, auditPseudonym, account }: WantedErasure): Promise<void> => {
  if (baseUrl === undefined) throw new Error('The Device Manager is not known yet.');
  const client = createUpstream<paths>({ baseUrl, spec: specification, timeoutMs: 20_000, maxBytes: 1_048_576 });
  try {
    const asked = { params: { path: { patientId } }, body: { confirm: patientId, auditPseudonym, account }, headers: { authorization: `Bearer ${serviceToken}` } };
    const { response } = await client.POST('/patients/{patientId}/erasure', asked);
    if (!response.ok && response.status !== 404 && response.status !== 405) throw problem('upstream-invalid', { cause: new Error(`The Device Manager answered ${String(response.status)} to an erasure.`) });
  } finally {
    await client.close();
  }
};
