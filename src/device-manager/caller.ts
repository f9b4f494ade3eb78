import type { operations } from '../../generated/device-manager.d.ts';

/** Who asks: a service (for a patient, or for all), an operator, or a webhook sender. */
export type Caller =
  | { readonly kind: 'service'; readonly patientId?: string }
  | { readonly kind: 'operator'; readonly userId: string }
  | { readonly kind: 'sender'; readonly sender: string; readonly deviceIds?: readonly string[] };

/** The operations this service answers itself; those of the platform are answered for it. */
export type Operations = Omit<operations, `deviceManager${string}`>;

/** The one patient a caller is bound to; undefined for services and operators that see all. */
export const boundPatient = (caller: Caller): string | undefined => (caller.kind === 'service' ? caller.patientId : undefined);

/** How a caller appears in the audit. */
export const actorOf = (caller: Caller): string => {
  if (caller.kind === 'operator') return `operator:${caller.userId}`;
  if (caller.kind === 'sender') return `sender:${caller.sender}`;
  return caller.patientId === undefined ? 'service' : `patient:${caller.patientId}`;
};
