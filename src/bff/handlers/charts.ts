import type { ChartSeries } from '../../../generated/bff.d.ts';
import type { KnownMembers } from '../../http/known-members.ts';
import type { Handlers } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import type { Caller, Operations } from '../caller.ts';
import type { DeviceManager } from '../upstream/device-manager.ts';

/** Series of the signed-in person; the identifier of somebody else is refused, whether they exist or not. */
export const charts = (deviceManager: Pick<DeviceManager, 'chart' | 'chartedTypes'>, known: KnownMembers): Pick<Handlers<Operations, Caller>, 'getChartData' | 'listChartedTypes'> => ({
  listChartedTypes: async ({ caller: { patientId }, requestId }) => ({ status: 200, body: await deviceManager.chartedTypes({ patientId, requestId }) }),
  getChartData: async ({ caller, requestId, query, headers }) => {
    const { _id, patientId, ...rest } = query;
    for (const [name, value] of Object.entries({ _id, patientId })) {
      if (value !== undefined && value !== caller.patientId) {
        throw problem('not-your-data', { errors: [{ pointer: `/query/${name}`, code: 'not-your-data', message: 'Leave this out: the chart is yours.' }] });
      }
    }
    const { series, etag } = await deviceManager.chart({ patientId: caller.patientId, requestId }, rest, headers['if-none-match']);
    const described = etag !== undefined && { headers: { ETag: etag } };
    if (series === 'unchanged') return { status: 304, ...described };
    return { status: 200, ...described, body: series.map((one) => known(one) as unknown as ChartSeries) };
  },
});
