import { recorderOf } from '../../audit/recording.ts';

/** Writes one row in the transaction of the act. */
export const recordAudit = recorderOf('user_manager');

/** How creators and updaters are named in the audit: `service`, the command line, or else the id of an operator. */
export const actorNamed = (creatorId: string): string => (creatorId === 'service' || creatorId === 'vitalgate' ? creatorId : `operator:${creatorId}`);
