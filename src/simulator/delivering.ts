import { UnansweredError, type Answer, type Call } from './json-call.ts';
import type { Fault, SimulatedDelivery } from './medisante.ts';
import { answersOf, createPatience } from './patience.ts';

/** One line of the ledger: what was sent and what came back, without the values. */
export interface LedgerLine {
  readonly correlationId: string;
  readonly deviceId: string;
  readonly patientId: string;
  readonly fault: Fault | undefined;
  readonly expected: SimulatedDelivery['expected'];
  /** How many sent it side by side, each until it was answered. */
  readonly times: number;
  /** HTTP status of each time it was sent; 0 for none. */
  readonly statuses: readonly number[];
  /** Identifiers that the answers named. */
  readonly ids: readonly string[];
}

/** How often a sender sends again that was not answered, or with a fault. */
const AFTER_FAULTS = 4;

const unanswered = { status: 0, retryAfterSeconds: undefined, value: undefined };

const idIn = ({ status, value }: Pick<Answer, 'status' | 'value'>): string[] =>
  status === 200 && typeof value === 'object' && value !== null && '_id' in value && typeof value._id === 'string' ? [value._id] : [];

/** Sends a delivery as its senders do: again until it is answered, and without waiting for each other. */
export const deliver = async (call: Call, apiKey: string, { body, contentType, times, correlationId, device, fault, expected }: SimulatedDelivery): Promise<LedgerLine> => {
  const send = () => call('POST', '/health-data/medisante', body, { 'x-api-key': apiKey, 'content-type': contentType }).catch((error: unknown) => {
    if (error instanceof UnansweredError) return unanswered;
    throw error;
  });
  const answers = (await Promise.all(Array.from({ length: times }, () => answersOf(send, createPatience({ faults: AFTER_FAULTS }))))).flat();
  return { correlationId, deviceId: device.deviceId, patientId: device.patientId, fault, expected, times, statuses: answers.map(({ status }) => status), ids: answers.flatMap(idIn) };
};
