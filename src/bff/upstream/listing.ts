import type { ChartedExtent, KeptRefusal, UploadProgress } from '../../../generated/device-manager.d.ts';
import { problem } from '../../http/problem.ts';
import { unexpected, type Asker, type DeviceManagerClient } from './device-manager-client.ts';

/** What there is of the patient: uploads, refusals, and types to chart. Each throws not-supported where the Device Manager lists none. */
export interface Listing {
  /** Latest first. */
  readonly uploads: (asker: Asker, limit: number) => Promise<readonly UploadProgress[]>;
  /** Latest first. */
  readonly refusals: (asker: Asker, limit: number) => Promise<readonly KeptRefusal[]>;
  readonly chartedTypes: (asker: Asker) => Promise<readonly ChartedExtent[]>;
}

interface Listed {
  readonly data?: unknown;
  readonly response: Response;
}

/** Others have no such lists, or take the last word of the path for an identifier. */
const listIn = ({ data, response }: Listed, what: string): unknown => {
  if ([400, 404, 405].includes(response.status)) throw problem('not-supported');
  if (data === undefined) throw unexpected(what, response.status);
  return data;
};

/** Lists of a Device Manager, which are extensions of ours. */
export const listing = ({ client, headersOf }: DeviceManagerClient): Listing => ({
  uploads: async (asker, _l) => listIn(await client.GET('/uploads', { params: { query: { _l } }, headers: headersOf(asker) }), 'uploads') as readonly UploadProgress[],
  refusals: async (asker, _l) => listIn(await client.GET('/uploads/refusals', { params: { query: { _l } }, headers: headersOf(asker) }), 'refusals') as readonly KeptRefusal[],
  chartedTypes: async (asker) => listIn(await client.GET('/chart-data/types', { headers: headersOf(asker) }), 'charted types') as readonly ChartedExtent[],
});
