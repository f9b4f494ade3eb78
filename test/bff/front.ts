import pino from 'pino';
import { createBff, type BffDependencies } from '../../src/bff/service.ts';
import { startForeignUpstreams, type Answer, type ForeignUpstreams, type Ways } from '../players/foreign-upstreams.ts';

/** The BFF in front of upstreams of another vendor, and what it wrote to its log. */
export interface Front {
  readonly upstreams: ForeignUpstreams;
  readonly url: string;
  readonly lines: string[];
}

export const json = (status: number, value: unknown, headers: Record<string, string> = {}): Answer => ({ status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(value) });
export const watch = { deviceId: 'apple-12345', deviceType: 'Wearable', deviceProvider: 'apple-healthkit' };
/** Status and code of a problem. */
export const problemIn = async (answer: Response) => [answer.status, ((await answer.json()) as { code?: string }).code];

const started: (() => Promise<void>)[] = [];

/** To be stopped with the fronts. */
export const stopLater = (stop: () => Promise<void>): void => void started.push(stop);

/** Stops what was started, last first. */
export const stopFronts = async (): Promise<void> => {
  for (const stop of started.splice(0).toReversed()) await stop();
};

/** The BFF in front of a vendor with ways of its own; anna may sign in with the password `right`. */
export const startFront = async (ways: Partial<Ways> = {}, settings: Partial<BffDependencies> = {}, claims = {}): Promise<Front> => {
  const upstreams = await startForeignUpstreams(ways);
  upstreams.users.add('anna', 'right', claims);
  const lines: string[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
  const service = createBff({ deviceManagerUrl: upstreams.url, userManagerUrl: upstreams.url, serviceToken: 's'.repeat(40), userIdHeader: 'miauserid', secureCookies: false, log, version: '0.0.0', validateResponses: true, warmUp: false, ...settings });
  stopLater(upstreams.stop);
  stopLater(service.stop);
  return { upstreams, url: (await service.listen(0, '127.0.0.1')).url, lines };
};
