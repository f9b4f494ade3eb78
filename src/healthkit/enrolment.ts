/** What vetting needs to know about a device of the patient; lists are in the order of enrolment, the last one last. */
export interface EnrolledDevice {
  readonly _id: string;
  readonly deviceId: string;
}

const named = (name: unknown): name is string => typeof name === 'string' && name.trim() !== '';

/**
 * The device an item comes from: its own `deviceId`, else that of the batch, else an enrolled device that equals `sourceId`, else the
 * one enrolled last. 'device-not-enrolled' when the patient has none, or a deviceId names one that is not the patient's.
 */
export function deviceOfItem<Device extends EnrolledDevice>(
  item: Readonly<Record<string, unknown>>,
  batchDeviceId: string | undefined,
  enrolled: readonly Device[],
): Device | 'device-not-enrolled' {
  const { deviceId, sourceId } = item;
  const asked = named(deviceId) ? deviceId : batchDeviceId;
  const called = (name: unknown): Device | undefined => enrolled.findLast((device) => device.deviceId === name || device._id === name);
  if (named(asked)) return called(asked.trim()) ?? 'device-not-enrolled';
  return called(sourceId) ?? enrolled.at(-1) ?? 'device-not-enrolled';
}
