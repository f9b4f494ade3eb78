import { randomUUID } from 'node:crypto';
import type { Config } from '../../src/config.ts';
import type { PrototypeSchema } from '../../src/therapy-monitoring/service.ts';
import { startTherapyMonitoring, type TherapyMonitoringPlayer } from '../players/therapy-monitoring.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { accessTokenOf, answered, clientWith, eventually as soon, heartRate, newPatient, service, watch, type Client, type KeptRecord } from './client.ts';

/** What operators see of a submission. */
export interface Submission {
  readonly _id: string;
  readonly sampleId: string;
  readonly patientId: string;
  readonly planId?: string;
  readonly state: string;
  readonly reason?: string;
  readonly attempts: number;
  readonly detectionId?: string;
  readonly supersededAt?: string;
}

/** A Device Manager that submits, the Therapy and Monitoring Manager it submits to, and an operator. */
export interface Submitter {
  readonly vitalgate: TestVitalgate;
  readonly tmm: TherapyMonitoringPlayer;
  readonly operator: Client;
  readonly stop: () => Promise<void>;
}

/** Starts both; the Therapy and Monitoring Manager has read the prototypes. */
export const startSubmitter = async (settings: Partial<Config>, ways: Parameters<typeof startTherapyMonitoring>[0] = {}): Promise<Submitter> => {
  const tmm = await startTherapyMonitoring(ways);
  const vitalgate = await startTestVitalgate({ TMM_SERVICE_URL: tmm.url, TMM_SERVICE_TOKEN: 'tmm-credential', ...settings });
  const operator = clientWith(vitalgate.urls.deviceManager, { authorization: `Bearer ${await accessTokenOf(vitalgate, 'operator')}` });
  tmm.readPrototypes(await answered<PrototypeSchema[]>(fetch(`${vitalgate.urls.deviceManager}/prototypes/`)));
  const stop = async (): Promise<void> => {
    await vitalgate.stop();
    await tmm.kill();
  };
  return { vitalgate, tmm, operator, stop };
};

const since = '2024-01-01T00:00:00.000Z';
/** Failures take their time: each is tried again only after the others had their turn. */
export const eventually = async <Answer>(ask: () => Promise<Answer>, fits: (answer: Answer) => boolean): Promise<Answer> => {
  let answer = await soon(ask, fits);
  for (let more = 0; more < 2 && !fits(answer); more += 1) answer = await soon(ask, fits);
  return answer;
};

/** Heart rates, a second from one to the next. */
export const rates = (count: number) => Array.from({ length: count }, (_, second) => heartRate(second));

/** What tests do with plans and submissions, where they are once they run. */
export const submitting = (at: () => Submitter) => {
  const plan = (patientId: string, more: object = {}): string => {
    const _id = randomUUID();
    at().tmm.addPlan({ _id, planName: 'Pulse', prototypeId: 'heart-rate', patientId, doctorId: 'd', startDate: since, ...more });
    return _id;
  };
  const patient = async (): Promise<{ patientId: string; app: Client }> => {
    const patientId = newPatient();
    const app = service(at().vitalgate, patientId);
    await answered(app.post('/devices/assign', watch));
    return { patientId, app };
  };
  const upload = async (app: Client, samples: readonly object[]) => (await answered<{ _id: string }[]>(app.post('/health-data/healthkit', samples))).map(({ _id }) => _id);
  const record = (app: Client, id: string) => answered<KeptRecord>(app.get(`/health-data/${id}`));
  const becomes = (app: Client, id: string, state: string) => eventually(() => record(app, id), (one) => one.state === state);
  const writtenUnder = (planId: string) => at().tmm.written.filter((one) => one.planId === planId);
  const arrives = (planId: string, count: number) => eventually(() => Promise.resolve(writtenUnder(planId)), (written) => written.length >= count);
  const listed = (query: string) => answered<Submission[]>(at().operator.get(`/submissions?_l=200${query}`));
  const parked = (patientId: string, count = 1) => eventually(() => listed(`&patientId=${patientId}`), (rows) => rows.length >= count);
  return { plan, patient, upload, record, becomes, writtenUnder, arrives, listed, parked };
};

/** Tells requests that write detections. */
export const isPost = ({ method }: { method: string }) => method === 'POST';
