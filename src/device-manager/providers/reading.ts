import type { Version } from '../domain/version.ts';
import type { Instant } from '../../measurement/instant.ts';

/** Why a reading waits whatever its device: nobody may decide by guessing. */
export type Unfit = 'not-a-delivery' | 'unsupported-bundle' | 'unknown-modifier';

/** What makes a reading the same reading when it comes again, corrected or withdrawn: its identifier, or device, type, value and time. */
export interface ReadingIdentity {
  readonly kind: 'identifier' | 'natural';
  readonly parts: readonly string[];
}

/** One measurement of a delivery; whatever is missing is left out. */
export interface Reading {
  /** The measurement in the Medisanté standard shape, which the rules read. */
  readonly document: unknown;
  /** The part of the delivery it was read from. */
  readonly received: unknown;
  readonly measurementType?: string | undefined;
  /** What the device that measured may be called, in the order in which it is looked up; its gateway, where it names itself by nothing. */
  readonly identifiers: readonly string[];
  /** The one of them that tells the reading from others, and the one that did before, where that is another; left out, the first. */
  readonly deviceName?: string | undefined;
  readonly formerDeviceName?: string | undefined;
  /** `Manufacturer:Model` of that device: a serial number tells devices of one model apart, not those of all makers. */
  readonly deviceModel?: string | undefined;
  /** What the sender calls the patient. */
  readonly subjects: readonly string[];
  /** By the clock of the device. */
  readonly measuredAt?: Instant | undefined;
  readonly endedAt?: Instant | undefined;
  readonly identity?: ReadingIdentity | undefined;
  /** Of a blood pressure that came as two Observations: `identity` is that of the systolic one, this that of the diastolic. */
  readonly otherIdentity?: ReadingIdentity | undefined;
  readonly status?: Version['status'] | undefined;
  /** When this version was made available, which orders corrections; of two Observations each was by itself. */
  readonly issuedAt?: Instant | undefined;
  readonly otherIssuedAt?: Instant | undefined;
  readonly unfit?: Unfit | undefined;
  /** JSON pointers into `document`, and where the same stands in `received`. */
  readonly sources?: Readonly<Record<string, string>> | undefined;
}

/** A delivery taken apart. */
export interface Readings {
  /** What the sender calls the delivery; without one its bytes name it. */
  readonly correlationId?: string | undefined;
  readonly readings: readonly Reading[];
  /** Why it could not be taken apart; then it has no readings. */
  readonly unfit?: Unfit | undefined;
}
