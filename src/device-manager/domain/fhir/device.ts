import { patientReference, type FhirDevice } from './resources.ts';

/** A device as it is registered. */
export interface KnownDevice {
  readonly _id: string;
  readonly deviceId: string;
  readonly deviceType: string;
  readonly name: string | undefined;
  readonly serialNumber: string | undefined;
  /** Who has it now, where the reader may know. */
  readonly holder: string | undefined;
  readonly held: boolean;
  readonly updatedAt: string;
}

/** The Device resource of a device; active while somebody has it. */
export const deviceResource = ({ _id, deviceId, deviceType, name, serialNumber, holder, held, updatedAt }: KnownDevice): FhirDevice => ({
  resourceType: 'Device', id: _id, meta: { versionId: String(Date.parse(updatedAt)), lastUpdated: updatedAt },
  identifier: [{ system: 'urn:vitalgate:device', value: deviceId }], status: held ? 'active' : 'inactive',
  ...(serialNumber !== undefined && { serialNumber }), ...(name !== undefined && { deviceName: [{ name, type: 'user-friendly-name' as const }] }),
  type: { text: deviceType }, ...(holder !== undefined && { patient: patientReference(holder) }),
});
