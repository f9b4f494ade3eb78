/**
 * Sends requests made from the specifications to the whole program and judges every answer: `npm run fuzz -- --seed 7 --requests 20000
 * --service bff`. Prints the seed; the same seed makes the same requests. Exit code 1 when a rule is broken.
 */
import { parseArgs } from 'node:util';
import { fuzz, type FuzzRun } from '../test/security/fuzz/run.ts';
import { createWorld } from '../test/security/fuzz/world.ts';
import { logFaults } from '../test/security/fuzz/log-oracle.ts';
import startDatabase from '../test/setup/start-database.ts';
import stopDatabase from '../test/setup/stop-database.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1e6)) },
    requests: { type: 'string', default: '20000' },
    service: { type: 'string', multiple: true, default: ['bff', 'device-manager', 'user-manager'] },
    only: { type: 'string' },
  },
});
const SHOWN = 3;
/** Of one case alone everything is shown. */
const LONGEST = values.only === undefined ? 400 : 100_000;

const tell = ({ service, requests, seconds, faults, statuses, taken, late }: FuzzRun): void => {
  const counts = [...statuses].toSorted(([a], [b]) => a - b).map(([status, count]) => `${String(status)}: ${String(count)}`).join(', ');
  console.log(`${service}: ${String(requests)} requests in ${seconds.toFixed(0)} s (${(requests / seconds).toFixed(0)}/s), ${String(taken.size)} operations took one, answers ${counts}`);
  for (const { kind, role, method, path } of late) console.log(`  late beside others, sent again alone: ${kind} as ${role}: ${method} ${path.slice(0, LONGEST)}`);
  for (const [kind, group] of Map.groupBy(faults, ({ rule }) => rule)) {
    console.log(`  ${kind} (${String(group.length)}): ${[...new Set(group.map(({ operation }) => operation))].join(', ')}`);
    for (const { case: number, seen, request, answer } of group.slice(0, SHOWN)) {
      console.log(`    case ${String(number)} ${request.kind} as ${request.role}: ${request.method} ${request.path.slice(0, LONGEST)} ${JSON.stringify(request.headers).slice(0, 200)}`);
      console.log(`      ${JSON.stringify((request.raw ?? request.body)?.toString('utf8').slice(0, LONGEST) ?? '')} -> ${String(answer.status)} ${seen.slice(0, LONGEST)}`);
    }
  }
};

const seed = Number(values.seed);
console.log(`seed ${String(seed)}`);
await startDatabase();
const world = await createWorld();
try {
  for (const service of values.service) {
    const [from, to] = values.only === undefined ? [0, Number(values.requests)] : [Number(values.only), Number(values.only) + 1];
    const run = await fuzz(world, { service, seed, from, to });
    tell(run);
    if (run.faults.length > 0) process.exitCode = 1;
  }
  for (const fault of logFaults(world.vitalgate.logged(), [...world.bensSecrets])) {
    console.log(`  log: ${fault}`);
    process.exitCode = 1;
  }
} finally {
  await world.stop();
  await stopDatabase();
}
