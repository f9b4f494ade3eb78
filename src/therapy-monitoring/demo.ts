import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createTherapyMonitoring, type PrototypeSchema } from './service.ts';

/** The Therapy and Monitoring Manager of `--demo`. */
export interface DemoTherapyMonitoring {
  readonly url: string;
  /** Reads the prototypes of a Device Manager, once, and makes a plan of each for each patient; the same patient gets the same plans. */
  readonly plan: (deviceManagerUrl: string, patientIds: readonly string[]) => Promise<void>;
  readonly stop: () => Promise<void>;
}

const planIdOf = (patientId: string, prototypeId: string): string => createHash('sha256').update(`${patientId} ${prototypeId}`).digest('hex').slice(0, 24);

/** Starts one on a free port of the loopback address; it forgets everything when it stops. */
export const startDemoTherapyMonitoring = async (): Promise<DemoTherapyMonitoring> => {
  const play = createTherapyMonitoring({ honoursKeys: true, writesBeforeRefusal: false });
  const server = createServer((request, response) => {
    void request.toArray().then((chunks) => {
      const url = new URL(request.url ?? '/', 'http://localhost');
      const { status, body } = play.answer({ method: request.method ?? '', url, headers: request.headers, bytes: Buffer.concat(chunks as Buffer[]) });
      response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body));
    }).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve).unref());
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    plan: async (deviceManagerUrl, patientIds) => {
      const prototypes = (await (await fetch(`${deviceManagerUrl}/prototypes/`)).json()) as (PrototypeSchema & { name: string })[];
      play.readPrototypes(prototypes);
      for (const { identifier, name } of prototypes) {
        for (const patientId of patientIds) play.addPlan({ _id: planIdOf(patientId, identifier), planName: name, prototypeId: identifier, patientId, doctorId: 'demo', startDate: '2000-01-01T00:00:00.000Z' });
      }
    },
    stop: () => new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
};
