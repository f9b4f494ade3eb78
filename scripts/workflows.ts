/**
 * Runs the workflows of `openapi/workflows/` against the whole program, started on free ports: every step must be answered as its workflow
 * and the specification say. One line for each process; a failing one prints what it said, and the exit code is 1.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { startSandbox, type Sandbox } from './workflows/sandbox.ts';

const root = join(import.meta.dirname, '..');

/** Workflows that run one after the other in one process, and what they are told. */
interface Run {
  readonly files: readonly string[];
  /** One of the file's, where it has several. */
  readonly workflow?: string;
  readonly inputs: () => object | Promise<object>;
}

const respect = ({ urls }: Sandbox, { files, workflow }: Run, inputs: object): Promise<{ isGood: boolean; said: string }> =>
  new Promise((resolve) => {
    const servers = [`bff=${urls.bff ?? ''}`, `deviceManager=${urls.deviceManager ?? ''}`].flatMap((server) => ['--server', server]);
    const words = ['respect', ...files.map((file) => `openapi/workflows/${file}.arazzo.yaml`), ...(workflow === undefined ? [] : ['--workflow', workflow]), ...servers];
    const env = { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true', REDOCLY_CLI_RESPECT_INPUT: JSON.stringify(inputs), NO_COLOR: '1' };
    execFile(join(root, 'node_modules', '.bin', 'redocly'), words, { cwd: root, env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      resolve({ isGood: error === null, said: `${stdout}\n${stderr}`.trim() });
    });
  });

const tell = async (sandbox: Sandbox, run: Run): Promise<boolean> => {
  const started = performance.now();
  const { isGood, said } = await respect(sandbox, run, await run.inputs());
  const steps = [...said.matchAll(/Steps: +(?:(\d+) passed)?/g)].reduce((sum, [, passed = '0']) => sum + Number(passed), 0);
  console.log(`${isGood ? 'ok  ' : 'FAIL'} ${run.workflow ?? run.files.join(', ')} (${((performance.now() - started) / 1000).toFixed(1)} s; ${steps} steps as told)`);
  if (!isGood) console.log(said);
  return isGood;
};

const sandbox = await startSandbox();
try {
  const { anna, webhookKey, serviceToken, mailedToken } = sandbox;
  // A new password ends all sessions: it comes last, and between its two parts a mail is read.
  const runs: readonly Run[] = [
    { files: ['first-upload', 'webhook-before-enrolment', 'deletion', 'session-end'], inputs: () => ({ ...anna, webhookKey, serviceToken }) },
    { files: ['password-reset'], workflow: 'ask-for-a-link', inputs: () => anna },
    { files: ['password-reset'], workflow: 'set-a-new-password', inputs: async () => ({ ...anna, newPassword: 'a new horse in the old stable', token: await mailedToken() }) },
  ];
  const isGood: boolean[] = [];
  for (const run of runs) isGood.push(await tell(sandbox, run));
  if (isGood.includes(false)) process.exitCode = 1;
} finally {
  await sandbox.stop();
}
