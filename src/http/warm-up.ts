import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Express } from 'express';
import type { Exchanges } from './exchange.ts';
import { WarmUpPassed } from './operation-call.ts';
import type { OperationInfo } from './operation-info.ts';
import { problemOf } from './problem-of.ts';
import type { Spec } from './spec.ts';

const requestFor = (operation: OperationInfo, mediaType: string | undefined): IncomingMessage => {
  const request = new IncomingMessage(new Socket());
  request.method = operation.method;
  request.url = operation.template.replace(/\{[^{}]+\}/g, '0');
  if (mediaType !== undefined) request.headers['content-type'] = mediaType;
  return request;
};

const pass = (app: Express, exchanges: Exchanges, operation: OperationInfo, mediaType: string | undefined): Promise<unknown> =>
  new Promise((resolve) => {
    const request = requestFor(operation, mediaType);
    const exchange = exchanges.open(request, new AbortController().signal, resolve);
    exchange.operation = operation;
    exchange.authenticated = { open: true };
    app(request, new ServerResponse(request));
  });

/** A request made up without values may be refused as invalid; anything else but the handler's door is a fault of the spec. */
const isFault = (outcome: unknown): boolean =>
  !(outcome instanceof WarmUpPassed) && problemOf(outcome, { operation: undefined, isDatabaseUnavailable: () => false }).status >= 500;

/**
 * Sends one request per operation and media type through the validator, which compiles its schemas at first use; none
 * reaches a handler. Rejects with the operations whose part of the spec does not work and the first reason.
 */
export const warmUp = async (app: Express, exchanges: Exchanges, spec: Spec): Promise<void> => {
  const broken = new Map<string, unknown>();
  for (const operation of spec.operations.filter(({ platform }) => !platform)) {
    for (const mediaType of operation.request?.mediaTypes ?? [undefined]) {
      const outcome = await pass(app, exchanges, operation, mediaType);
      if (isFault(outcome)) broken.set(operation.id, outcome);
      // Compiling is all computation: connections that open meanwhile (those of the jobs) must get their turn, or they time out.
      await nextTurn();
    }
  }
  const [first] = broken.values();
  if (broken.size > 0) throw new Error(`${spec.title} does not work for: ${[...broken.keys()].join(', ')}.`, { cause: first });
};
