import type { AuditEntry, AuditEventName } from './audit-event.ts';

/** A request that was answered with a problem. */
export interface RefusedRequest<Caller> {
  readonly operationId: string;
  readonly status: number;
  readonly code: string;
  /** Undefined where nobody was recognized. */
  readonly caller: Caller | undefined;
  /** A credential was shown. */
  readonly showedCredential: boolean;
  /** The identifier of ours that the path names. */
  readonly target: string | undefined;
  readonly requestId: string;
}

/** What a service knows about refusals that the status does not tell. */
export interface RefusalRules<Caller> {
  readonly actorOf: (caller: Caller) => string;
  /** The one patient a caller is bound to: what others have is not found for them. */
  readonly patientOf: (caller: Caller) => string | undefined;
  /** Operations that take what is to be kept; whatever is wrong with it is a refusal of its own. */
  readonly uploads: ReadonlySet<string>;
  /** By operation and code; null for what is written elsewhere, beside the act. */
  readonly special: Readonly<Record<string, AuditEventName | null>>;
  /** Operations whose path names a person. */
  readonly namesPerson: ReadonlySet<string>;
}

/** Whether a status says that what was sent cannot be taken. */
export const isUnfit = (status: number): boolean => [400, 409, 413, 415, 422].includes(status);

const eventOf = <Caller>({ operationId, status, code, caller, showedCredential }: RefusedRequest<Caller>, { uploads, special, patientOf }: RefusalRules<Caller>): AuditEventName | undefined => {
  const named = special[`${operationId} ${code}`];
  if (named !== undefined) return named ?? undefined;
  if (status === 401 || code === 'insecure-transport') return showedCredential ? 'credential-refused' : undefined;
  if (status === 403 || code === 'device-already-assigned') return 'access-refused';
  if (caller === undefined) return undefined;
  if (status === 404) return patientOf(caller) === undefined ? undefined : 'access-refused';
  if (uploads.has(operationId) && isUnfit(status)) return 'upload-refused';
  return status === 500 || status === 502 ? 'request-failed' : undefined;
};

/** The row to write about a request that was refused or failed; undefined for a mere mistake, which the access log has. */
export const refusalEntry = <Caller>(request: RefusedRequest<Caller>, rules: RefusalRules<Caller>): AuditEntry | undefined => {
  const event = eventOf(request, rules);
  if (event === undefined) return undefined;
  const { operationId, code, caller, target, requestId } = request;
  return {
    event, reason: code, requestId,
    outcome: event === 'request-failed' ? 'failed' : 'refused',
    actor: caller === undefined ? 'anonymous' : rules.actorOf(caller),
    patientId: caller === undefined ? undefined : rules.patientOf(caller),
    resource: target === undefined || rules.namesPerson.has(operationId) ? `operation/${operationId}` : `operation/${operationId}/${target}`,
  };
};
