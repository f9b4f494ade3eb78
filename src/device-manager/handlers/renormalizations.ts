import type { Renormalization as WireRun } from '../../../generated/device-manager.d.ts';
import type { Handlers } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import { parseInstant } from '../../measurement/instant.ts';
import { actorOf, type Caller, type Operations } from '../caller.ts';
import { providerOf } from '../provider.ts';
import type { Renormalization, Renormalizer } from '../renormalization-runs.ts';

const wireOf = ({ _id, state, dry_run: dryRun, counts, differences, created_at: createdAt, finished_at: finishedAt, creator }: Renormalization): WireRun => ({
  _id, state, dryRun, counts, ...(dryRun && { differences }),
  createdAt: createdAt.toISOString(), ...(finishedAt && { finishedAt: finishedAt.toISOString() }), creatorId: creator,
});

const epochMsOf = (text: string | undefined, name: string): number | undefined => {
  if (text === undefined) return undefined;
  const instant = parseInstant(text);
  if (typeof instant === 'object') return instant.epochMs;
  throw problem('invalid-request', { errors: [{ pointer: `/${name}`, code: 'invalid-date', message: 'Send an instant that exists, with an offset.' }] });
};

/** Runs over kept samples, by the rules that hold. */
export const renormalizations = ({ start, show }: Pick<Renormalizer, 'start' | 'show'>): Pick<Handlers<Operations, Caller>, 'startRenormalization' | 'getRenormalization'> => ({
  startRenormalization: async ({ body: { dryRun, providerId, rawDataType, from, to, ...rest }, caller, requestId }) => {
    const filter = {
      ...rest, provider: providerId === undefined ? undefined : providerOf(providerId), type: rawDataType,
      from: epochMsOf(from, 'from'), to: epochMsOf(to, 'to'),
    };
    return { status: 202, body: { _id: await start(filter, dryRun, { actor: actorOf(caller), requestId }) } };
  },
  getRenormalization: async ({ path: { _id } }) => {
    const run = await show(_id.toLowerCase());
    if (!run) throw problem('not-found');
    return { status: 200, body: wireOf(run) };
  },
});
