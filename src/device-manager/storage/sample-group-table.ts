import type { Queryable } from '../../database/pool.ts';

/** What samples of one payload have in common: they were measured by one device, of one type, and written by one source. */
export interface SampleGroup {
  readonly groupNo: number;
  readonly device: string;
  readonly deviceId: string;
  readonly type: string | undefined;
  /** Digest of the source; missing where the same reading may not be told from another. */
  readonly sourceKey?: bigint | undefined;
}

/** Where new samples belong. */
export interface SamplePlace {
  readonly patientId: string;
  readonly provider: string;
  readonly format: string;
  readonly payloadId: string;
  readonly receivedAt: Date;
}

type Common = Omit<SampleGroup, 'groupNo'>;

/** Numbers the groups of samples in the order in which they come. */
export const groupsOf = <Sample extends Common>(samples: readonly Sample[]): { readonly groups: readonly SampleGroup[]; readonly groupNoOf: (sample: Sample) => number } => {
  const groups = new Map<string, SampleGroup>();
  const nameOf = ({ device, deviceId, type, sourceKey }: Common): string => `${device}\n${deviceId}\n${type ?? ''}\n${String(sourceKey)}`;
  let last: { readonly sample: Common; readonly groupNo: number } | undefined;
  const groupNoOf = (sample: Sample): number => {
    const { device, deviceId, type, sourceKey } = sample;
    // Neighbours are alike as a rule, and telling so costs less than a name.
    if (last?.sample.device === device && last.sample.type === type && last.sample.sourceKey === sourceKey && last.sample.deviceId === deviceId) return last.groupNo;
    const name = nameOf(sample);
    const known = groups.get(name);
    const groupNo = known?.groupNo ?? groups.size;
    if (known === undefined) groups.set(name, { groupNo, device, deviceId, type, sourceKey });
    last = { sample, groupNo };
    return groupNo;
  };
  for (const sample of samples) groupNoOf(sample);
  return { groups: [...groups.values()], groupNoOf };
};

/** Keeps the groups of a new payload; their samples wait for normalization. */
export const insertGroups = async (db: Queryable, { patientId, provider, format, payloadId, receivedAt }: SamplePlace, groups: readonly SampleGroup[]): Promise<void> => {
  await db.query({
    name: 'insert-sample-groups',
    text: `insert into device_manager.sample_group (patient_id, payload_id, provider, format, received_at, updated_at, group_no, device, device_id, type, source_key)
     select $1, $2::uuid, $3, $4, $5, $5, t.* from unnest($6::smallint[], $7::uuid[], $8::text[], $9::text[], $10::bigint[]) as t`,
    values: [patientId, payloadId, provider, format, receivedAt, groups.map(({ groupNo }) => groupNo), groups.map(({ device }) => device), groups.map(({ deviceId }) => deviceId),
      groups.map(({ type }) => type ?? null), groups.map(({ sourceKey }) => sourceKey ?? null)],
  });
};
