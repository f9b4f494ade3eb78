import type { paths, Problem, ProblemItem } from '../../../generated/device-manager.d.ts';
import { problem } from '../../http/problem.ts';
import type { Upstream } from '../../http/upstream.ts';

/** On whose behalf and in which request. */
export interface Asker {
  readonly patientId: string;
  readonly requestId: string;
}

/** The connection to a Device Manager and the headers that say for whom it is asked. */
export interface DeviceManagerClient {
  readonly client: Upstream<paths>;
  readonly headersOf: (asker: Asker) => Record<string, string>;
}

/** The problem of a Device Manager that refuses what it should not refuse. */
export const unexpected = (what: string, status: number) => problem('upstream-invalid', { cause: new Error(`The Device Manager answered ${String(status)} to ${what}.`) });

/** The code of a refusal; those of other vendors have none. */
export const codeOf = (error: unknown): unknown => (typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined);

/** What our own Device Manager says of a request, whose members have the same names here; nothing of other vendors. */
export const refusalsIn = (error: unknown): readonly ProblemItem[] => (error as Partial<Problem> | undefined)?.errors ?? [];

/** Tells that a Device Manager of others does not take what is an extension of ours. */
export const isRefusedByOthers = (status: number, error: unknown): boolean => status === 400 && codeOf(error) === undefined;
