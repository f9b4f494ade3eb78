import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Request, RequestHandler } from 'express';
import { peerClassOf, withSource } from '../audit/request-source.ts';
import type { XmlElement } from '../xml/xml-gate.ts';
import type { Authenticated } from './authentication.ts';
import type { ItemSlice } from './json-gate.ts';
import type { OperationInfo } from './operation-info.ts';

/** What is known about a request while it passes through the kit, filled in step by step. */
export interface Exchange {
  readonly requestId: string;
  /** `performance.now()` at arrival, milliseconds. */
  readonly startedAt: number;
  readonly signal: AbortSignal;
  /** operationId, or the name of a page of the kit, for log and metrics; never a path. */
  label: string;
  operation?: OperationInfo;
  /** Where it comes from, for counting; empty until its headers were judged. */
  source: string;
  authenticated?: Authenticated<unknown>;
  bytes: Buffer;
  items?: readonly ItemSlice[];
  mediaType?: string;
  xml?: XmlElement;
  /** Set for warm-up requests, which never come from a socket: told how the request ended, in place of an answer. */
  readonly warmUp?: (outcome: unknown) => void;
}

/** The exchanges of one service, by request. */
export interface Exchanges {
  readonly of: (request: IncomingMessage) => Exchange;
  readonly open: (request: IncomingMessage, signal: AbortSignal, warmUp?: (outcome: unknown) => void) => Exchange;
}

const SANE_ID = /^[A-Za-z0-9._:-]{8,128}$/;

/** Keeps the state of requests beside them, so that nothing a client sends can reach it. */
export const createExchanges = (): Exchanges => {
  const exchanges = new WeakMap<IncomingMessage, Exchange>();
  return {
    of: (request) => {
      const exchange = exchanges.get(request);
      if (exchange === undefined) throw new Error('The request has not passed the entry of the service.');
      return exchange;
    },
    open: (request, signal, warmUp) => {
      const known = exchanges.get(request);
      if (known !== undefined) return known;
      const sent = request.headers['x-request-id'];
      const requestId = typeof sent === 'string' && SANE_ID.test(sent) ? sent : randomUUID();
      const exchange: Exchange = {
        requestId,
        startedAt: performance.now(),
        signal,
        label: 'unmatched',
        source: '',
        bytes: Buffer.alloc(0),
        ...(warmUp !== undefined && { warmUp }),
      };
      exchanges.set(request, exchange);
      return exchange;
    },
  };
};

/** First step: a request id, echoed, and a signal that aborts when the client leaves before its answer is written. */
export const enter = (exchanges: Exchanges): RequestHandler => (request: Request, response, next) => {
  const controller = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) controller.abort();
  });
  const { requestId } = exchanges.open(request, controller.signal);
  response.set('X-Request-Id', requestId);
  withSource({ requestId, peer: peerClassOf(request.socket.remoteAddress) }, next);
};
