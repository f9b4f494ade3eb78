import { afterAll, describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeOptions } from '../../scripts/demo/program.ts';

const root = join(import.meta.dirname, '..', '..');
const unit = readFileSync(join(root, 'operations/systemd/vitalgate.service'), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'vitalgate-unit-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;
const needed = (name: string): string => (hasSystemd ? name : `${name} (skipped: systemd-analyze is not there)`);
const withSystemd = hasSystemd ? test : test.skip;

/** As it is installed, but where the program is: systemd looks whether what it starts is there. */
const installed = (text: string): string => {
  const path = join(folder, 'vitalgate.service');
  writeFileSync(path, text.replaceAll('/opt/vitalgate', root));
  return path;
};
const verified = (text: string) => {
  const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', installed(text)], { encoding: 'utf8' });
  return { status, said: `${stdout}${stderr}` };
};

describe('the unit of systemd', () => {
  withSystemd(needed('is taken by systemd-analyze verify'), () => {
    expect(verified(unit)).toEqual({ status: 0, said: '' });
  });

  withSystemd.each([['a program that is not there', '/node_modules/.bin/node', '/node_modules/.bin/edon'], ['a setting that is none', 'ProtectHome=', 'ProtectHoem=']])(needed('would not be with %s'), (_situation, what, by) => {
    expect(verified(unit.replace(what, by)).said).not.toBe('');
  });

  withSystemd(needed('is hardened: systemd-analyze security says at most 2.0 of 10'), () => {
    const { stdout } = spawnSync('systemd-analyze', ['security', '--offline=true', '--no-pager', installed(unit)], { encoding: 'utf8' });
    expect(Number(/Overall exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1] ?? '10')).toBeLessThanOrEqual(2);
  });

  test('starts the program with its options of Node, and waits longer than stopping may take', () => {
    expect(unit).toContain(`ExecStart=/opt/vitalgate/node_modules/.bin/node ${nodeOptions.join(' ')} src/main.ts`);
    const longestStopMs = Number(/STOP_MS = ([\d_]+)/.exec(readFileSync(join(root, 'src/cli/serve.ts'), 'utf8'))?.[1]?.replaceAll('_', ''));
    expect(longestStopMs).toBeGreaterThan(0);
    expect(Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1]) * 1000).toBeGreaterThan(longestStopMs);
  });

  test('gives the account no secret file: settings and master key are credentials', () => {
    const credentials = [...unit.matchAll(/^LoadCredential=([\w.-]+):/gm)].map(([, name]) => name);
    const [, environment = ''] = /^Environment=(.*)$/m.exec(unit) ?? [];
    expect(credentials.filter((name) => !environment.includes(`%d/${String(name)}`))).toEqual([]);
    expect(unit).not.toMatch(/^EnvironmentFile=/m);
  });
});

describe('the command beside it', () => {
  // systemd itself is not there in a test: this does with properties and credentials what systemd-run(1) says of it.
  const systemdRun = join(folder, 'systemd-run');
  writeFileSync(systemdRun, `#!/bin/sh
set -eu
credentials=$(mktemp -d "$VITALGATE_TEST_FOLDER/credentials-XXXXXX")
while [ "$1" != -- ]; do
  case $1 in
    --property=WorkingDirectory=*) cd "\${1#*=*=}" ;;
    --property=LoadCredential=*) credential=\${1#*=*=}; cp "\${credential#*:}" "$credentials/\${credential%%:*}" ;;
    --property=*|--quiet|--collect|--wait|--pipe|--service-type=exec) ;;
    *) echo "unknown option $1" >&2; exit 64 ;;
  esac
  shift
done
shift
exec env -i PATH="$PATH" CREDENTIALS_DIRECTORY="$credentials" "$@"
`);
  chmodSync(systemdRun, 0o755);
  writeFileSync(join(folder, 'vitalgate.env'), 'BFF_PORT=4711\n', { mode: 0o600 });
  writeFileSync(join(folder, 'master-key'), `${'0f'.repeat(32)}\n`, { mode: 0o600 });

  test('passes words, settings and the master key on', () => {
    const environment = { PATH: `${folder}:${process.env['PATH'] ?? ''}`, VITALGATE_TEST_FOLDER: folder, VITALGATE_PROGRAM: root, VITALGATE_SETTINGS: folder };
    const { status, stdout, stderr } = spawnSync(join(root, 'operations/systemd/vitalgate'), ['--json', 'config'], { encoding: 'utf8', env: environment });
    expect([status, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toMatchObject({
      BFF_PORT: { value: '4711', from: 'file' }, DATA_DIR: { value: '/var/lib/vitalgate', from: 'environment' }, MASTER_KEY_FILE: { value: expect.stringMatching(/credentials-.*\/master-key$/), from: 'environment' },
    });
  });
});
