import type { OwnSample } from '../../../generated/bff.d.ts';
import type { KnownMembers } from '../../http/known-members.ts';
import type { Handlers } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import type { Caller, Operations } from '../caller.ts';
import type { DeviceManager, SampleRecord } from '../upstream/device-manager.ts';

const always = new Set(['_id', 'deviceId', 'providerId', 'rawDataFormat', 'receivedAt', 'state', 'createdAt', 'updatedAt', 'creatorId', 'updaterId', '__STATE__']);

const isAskedFor = (projection: string | undefined) => {
  const names = projection?.split(',').map((name) => name.trim());
  return (member: string): boolean => always.has(member) || (names === undefined ? member !== 'rawData' : names.includes(member));
};

/** What fits our contract of a record, as far as it was asked for. A Device Manager without states tells by the normalized values alone. */
const ownSample = (record: SampleRecord, known: KnownMembers, isAnswered: (member: string) => boolean): OwnSample => {
  const state = record['normalizedData'] == null ? 'received' : 'normalized';
  const members = Object.entries({ state, ...known(record) }).filter(([member]) => isAnswered(member));
  return Object.fromEntries(members) as unknown as OwnSample;
};

/** Samples of the signed-in person. Throws `upstream-invalid` when the Device Manager answers one of somebody else. */
export const ownSamples = (deviceManager: Pick<DeviceManager, 'list'>, known: KnownMembers): Pick<Handlers<Operations, Caller>, 'listHealthData'> => ({
  listHealthData: async ({ caller: { patientId }, requestId, query }) => {
    const records = await deviceManager.list({ patientId, requestId }, query);
    if (records.some((record) => (record['patientId'] ?? patientId) !== patientId)) {
      throw problem('upstream-invalid', { cause: new Error('The Device Manager answered a sample of another patient.') });
    }
    const isAnswered = isAskedFor(query._p);
    return { status: 200, body: records.map((record) => ownSample(record, known, isAnswered)) };
  },
});
