import type { LedgerLine } from './delivering.ts';
import { fine, unexpectedAnswer, type Call } from './json-call.ts';
import type { SimulatedDevice } from './medisante.ts';
import { forEach } from './some-at-once.ts';

/** What must be true afterwards, counted; all but `sent` and `acknowledged` must be 0. */
export interface Reconciliation {
  readonly sent: number;
  readonly acknowledged: number;
  /** Acknowledged, and not to be found. */
  readonly lost: number;
  /** More samples than deliveries; one that was never answered may be kept or not. */
  readonly doubled: number;
  readonly wrongPatient: number;
  /** Refused that should have been kept, kept that should have been refused, or quarantined against expectation. */
  readonly unexpected: number;
}

interface Found {
  readonly isKept: boolean;
  readonly patientId?: string;
  readonly state?: string;
}

const lookUp = async (call: Call, bearer: string, id: string): Promise<Found> => {
  const answer = await call('GET', `/health-data/${id}`, undefined, { authorization: `Bearer ${bearer}` });
  if (answer.status === 404 || answer.status === 410) return { isKept: false };
  if (answer.status !== 200 || typeof answer.value !== 'object') throw unexpectedAnswer('A delivery cannot be looked up', answer);
  return { isKept: true, ...(answer.value as { patientId?: string; state?: string }) };
};

const isAcknowledged = ({ statuses }: LedgerLine): boolean => statuses.includes(200);
/** An answer that never came, or was a fault, says nothing of what was kept. */
const isPossiblyKept = (line: LedgerLine): boolean => isAcknowledged(line) || line.statuses.some((status) => status === 0 || status >= 500);

const countsOf = ({ expected, times, statuses, ids, patientId }: LedgerLine, { isKept, state, patientId: holder }: Found): Pick<Reconciliation, 'lost' | 'doubled' | 'wrongPatient' | 'unexpected'> => {
  const isQuarantined = state === 'quarantined';
  const isAsExpected = expected === 'refused' ? statuses.filter((status) => status === 400).length === times : ids.length === times && isQuarantined === (expected === 'quarantined');
  return {
    lost: ids.length > 0 && !isKept ? 1 : 0,
    doubled: Math.max(0, new Set(ids).size - 1),
    wrongPatient: isKept && !isQuarantined && holder !== patientId ? 1 : 0,
    unexpected: isAsExpected ? 0 : 1,
  };
};

/** All samples that the service has for a patient; pages of 200. */
const samplesOf = async (call: Call, bearer: string, patientId: string): Promise<number> => {
  for (let skip = 0; ; skip += 200) {
    const answer = await fine('Samples cannot be listed', call('GET', `/health-data?patientId=${patientId}&_l=200&_sk=${String(skip)}`, undefined, { authorization: `Bearer ${bearer}` }));
    if (!Array.isArray(answer.value)) throw unexpectedAnswer('Samples cannot be listed', answer);
    if (answer.value.length < 200) return skip + answer.value.length;
  }
};

/** Asks the Device Manager for each delivery of the ledger, and how many samples each patient has. */
export const reconcile = async (call: Call, bearer: string, ledger: readonly LedgerLine[], devices: readonly SimulatedDevice[]): Promise<Reconciliation> => {
  let total: Reconciliation = { sent: ledger.length, acknowledged: ledger.filter(isAcknowledged).length, lost: 0, doubled: 0, wrongPatient: 0, unexpected: 0 };
  const add = (counts: Partial<Reconciliation>): void => {
    const { lost = 0, doubled = 0, wrongPatient = 0, unexpected = 0 } = counts;
    total = { ...total, lost: total.lost + lost, doubled: total.doubled + doubled, wrongPatient: total.wrongPatient + wrongPatient, unexpected: total.unexpected + unexpected };
  };
  await forEach(ledger, async (line) => {
    const [id] = line.ids;
    add(countsOf(line, id === undefined ? { isKept: false } : await lookUp(call, bearer, id)));
  });
  await forEach(devices, async ({ patientId }) => {
    const possible = ledger.filter((line) => line.patientId === patientId && line.expected === 'kept' && isPossiblyKept(line)).length;
    add({ doubled: Math.max(0, (await samplesOf(call, bearer, patientId)) - possible) });
  });
  return total;
};
