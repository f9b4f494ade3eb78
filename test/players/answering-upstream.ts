import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json, type Answer } from './answer.ts';

/** A service of somebody else's that answers everything the same way, but knows who anybody is. */
export interface AnsweringUpstream {
  readonly url: string;
  /** What it answers from now on; 'nothing' breaks the connection off. `andWhoItIs` has it answer so to `GET /userinfo`, too. */
  readonly answer: (answer: Answer | 'nothing', andWhoItIs?: boolean) => void;
  readonly stop: () => Promise<void>;
}

const person = json({ sub: 'anna', _id: 'anna', name: 'Anna Rossi' });

/** Starts it on a free port. */
export const startAnsweringUpstream = async (): Promise<AnsweringUpstream> => {
  let [usual, whoItIs]: (Answer | 'nothing')[] = [json({}), person];
  const server = createServer((request, response) => {
    request.resume().once('end', () => {
      const answer = (request.url === '/userinfo' ? whoItIs : usual) ?? 'nothing';
      if (answer === 'nothing') return request.socket.destroy();
      return response.writeHead(answer.status, answer.headers).end(answer.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answer: (answer, andWhoItIs = false) => {
      [usual, whoItIs] = [answer, andWhoItIs ? answer : person];
    },
    stop: () => new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
};
