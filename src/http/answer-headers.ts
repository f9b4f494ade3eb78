import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { RequestHandler } from 'express';
import helmet from 'helmet';

const secure = helmet({
  contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
});

/** Headers of every answer: what browsers must not do with it, and that nobody keeps it. Pages set their own beside them. */
export const answerHeaders: RequestHandler = (request, response, next) => {
  secure(request, response, () => {
    response.setHeader('Cache-Control', 'no-store');
    next();
  });
};

/** The same headers as text, for answers to what never became a request. */
export const answerHeaderLines = (): string[] => {
  const request = new IncomingMessage(new Socket());
  const response = new ServerResponse(request);
  answerHeaders(request as never, response as never, () => undefined);
  return Object.entries(response.getHeaders()).map(([name, value]) => `${name}: ${String(value)}`);
};
