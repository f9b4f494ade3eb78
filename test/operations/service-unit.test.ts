import { afterAll, describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { nodeOptions } from '../../scripts/demo/program.ts';
import { settings } from '../../src/config/settings.ts';
import { erasureJournalIn, mailFolderIn } from '../../src/data-files.ts';

const root = join(import.meta.dirname, '..', '..');
const unitOf = (name: string): string => readFileSync(join(root, 'operations/systemd', name), 'utf8');
const unit = unitOf('vitalgate.service');
const backup = unitOf('vitalgate-backup.service');
const folder = mkdtempSync(join(tmpdir(), 'vitalgate-unit-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;
const needed = (name: string): string => (hasSystemd ? name : `${name} (skipped: systemd-analyze is not there)`);
const withSystemd = hasSystemd ? test : test.skip;

/** As it is installed, but where the program is: systemd looks whether what it starts is there. */
const installed = (text: string, name = 'vitalgate.service'): string => {
  const path = join(folder, name);
  writeFileSync(path, text.replaceAll('/opt/vitalgate', root));
  return path;
};
const verified = (text: string, name?: string) => {
  const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', installed(text, name)], { encoding: 'utf8' });
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

  test('goes on trying until the database is there, and not with wrong settings', () => {
    expect(unit).toMatch(/^StartLimitIntervalSec=0$/m);
    expect(unit).toMatch(/^Restart=on-failure$/m);
    expect(unit).toMatch(/^RestartPreventExitStatus=2$/m);
  });

  test('gives the account no secret file: settings and master key are credentials', () => {
    const credentials = [...unit.matchAll(/^LoadCredential=([\w.-]+):/gm)].map(([, name]) => name);
    const environment = [...unit.matchAll(/^Environment=(.*)$/gm)].map(([, one]) => one).join(' ');
    expect(credentials.filter((name) => !environment.includes(`%d/${String(name)}`))).toEqual([]);
    expect(unit).not.toMatch(/^EnvironmentFile=/m);
  });
});

describe('the backup each night', () => {
  withSystemd(needed('is taken by systemd-analyze verify'), () => {
    expect(verified(backup, 'vitalgate-backup.service')).toEqual({ status: 0, said: '' });
  });

  test('writes where the unit lets it', () => {
    const [, data = '', keys = ''] = / backup (\S+) --keys (\S+)$/m.exec(backup) ?? [];
    const [, writable = ''] = /^ReadWritePaths=(\S+)$/m.exec(backup) ?? [];
    expect([data, keys].filter((path) => path.startsWith(`${writable}/`))).toHaveLength(2);
    expect(readFileSync(join(root, 'operations/systemd/vitalgate'), 'utf8')).toContain(`backups=\${VITALGATE_BACKUPS:-${writable}}`);
    expect(unitOf('vitalgate-backup.timer')).toMatch(/^OnCalendar=\*-\*-\* /m);
  });

  /** What the unit's own words for find leave in a folder of files that are so many days old. */
  const leftOf = (days: Readonly<Record<string, number>>): readonly string[] => {
    const keys = mkdtempSync(join(folder, 'keys-'));
    for (const [name, age] of Object.entries(days)) {
      const at = Date.now() / 1000 - age * 86_400;
      writeFileSync(join(keys, name), '');
      utimesSync(join(keys, name), at, at);
    }
    const [, find = '', words = ''] = /^ExecStartPost=(\S+) \S+ (.*)$/m.exec(backup) ?? [];
    const { status, stderr } = spawnSync(find, [keys, ...words.split(' ')], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
    return readdirSync(keys).toSorted();
  };

  test('deletes keys before they are as old as certificates say, also when a night has no backup', () => {
    const minute = 1 / 1440;
    const young = settings.BACKUP_RETENTION_DAYS.schema.parse(undefined) - 2;
    expect(leftOf({
      'vitalgate-20240701T023000Z.keys.zip': young + minute, 'vitalgate-20240701T023000Z.keys.zip.4711.tmp': young + minute, 'vitalgate-20240601T023000Z.keys.zip': 365,
      'vitalgate-20240702T023000Z.keys.zip': young - minute, 'vitalgate-20240702T023000Z.keys.zip.4712.tmp': young - minute, 'vitalgate-20240729T023000Z.keys.zip': 0,
      'erasure-journal.ndjson': 365, 'vitalgate-20240701T023000Z.zip': 365,
    })).toEqual(['erasure-journal.ndjson', 'vitalgate-20240701T023000Z.zip', 'vitalgate-20240702T023000Z.keys.zip', 'vitalgate-20240702T023000Z.keys.zip.4712.tmp', 'vitalgate-20240729T023000Z.keys.zip']);
  });
});

describe('what to back up', () => {
  test('names each file of DATA_DIR that cannot be made again', () => {
    const place = { DATA_DIR: '/var/lib/vitalgate' };
    const section = /^## What to back up$([^]*?)^## /m.exec(readFileSync(join(root, 'docs/operations.md'), 'utf8'))?.[1] ?? '';
    for (const path of [erasureJournalIn(place), mailFolderIn(place)]) expect(section).toContain(basename(path));
    for (const name of ['service-token', 'master key']) expect(section).toContain(name);
  });
});

describe('the command beside it', () => {
  // systemd itself is not there in a test: this does with properties and credentials what systemd-run(1) says of it. Files of credentials show
  // the mask of their access control list in place of the group's rights.
  const systemdRun = join(folder, 'systemd-run');
  writeFileSync(systemdRun, `#!/bin/sh
set -eu
credentials=$(mktemp -d "$VITALGATE_TEST_FOLDER/credentials-XXXXXX")
while [ "$1" != -- ]; do
  case $1 in
    --property=WorkingDirectory=*) cd "\${1#*=*=}" ;;
    --property=LoadCredential=*) credential=\${1#*=*=}; cp "\${credential#*:}" "$credentials/\${credential%%:*}"; chmod 0440 "$credentials/\${credential%%:*}" ;;
    --property=*|--quiet|--collect|--wait|--pipe|--service-type=exec) ;;
    *) echo "unknown option $1" >&2; exit 64 ;;
  esac
  shift
done
shift
exec env -i PATH="$PATH" CREDENTIALS_DIRECTORY="$credentials" "$@"
`);
  chmodSync(systemdRun, 0o755);
  writeFileSync(join(folder, 'vitalgate.env'), `BFF_PORT=4711\nSERVICE_TOKEN=${'t'.repeat(32)}\n`, { mode: 0o600 });
  writeFileSync(join(folder, 'master-key'), `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });

  const environment = { PATH: `${folder}:${process.env['PATH'] ?? ''}`, VITALGATE_TEST_FOLDER: folder, VITALGATE_PROGRAM: root, VITALGATE_SETTINGS: folder };

  test('passes words, settings and the master key on', () => {
    const { status, stdout, stderr } = spawnSync(join(root, 'operations/systemd/vitalgate'), ['--json', 'config'], { encoding: 'utf8', env: environment });
    expect([status, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toMatchObject({
      BFF_PORT: { value: '4711', from: 'file' }, DATA_DIR: { value: '/var/lib/vitalgate', from: 'environment' }, MASTER_KEY_FILE: { value: expect.stringMatching(/credentials-.*\/master-key$/), from: 'environment' },
    });
  });

  test('restores by the lines of the documents: who was erased since stays erased, and the others are there', () => {
    const [state, backups] = [join(folder, 'state'), join(folder, 'backups')];
    const here = (text: string): string => text.replaceAll('/var/lib/vitalgate', state).replaceAll('/var/backups/vitalgate', backups);
    // PostgreSQL does not run as root: its account has to get there.
    chmodSync(folder, 0o711);
    for (const path of [backups, join(backups, 'data'), join(backups, 'keys')]) mkdirSync(path);
    for (const [name, text] of [['vitalgate', here(unitOf('vitalgate'))], ['systemctl', '#!/bin/sh\n']] as const) writeFileSync(join(folder, name), text, { mode: 0o755 });
    const run = (lines: string): string => {
      const { status, stdout, stderr } = spawnSync('/bin/sh', ['-eu', '-c', lines], { encoding: 'utf8', env: environment });
      expect([status, stderr]).toEqual([0, '']);
      return stdout;
    };
    const section = /^## Restore$([^]*?)^## /m.exec(readFileSync(join(root, 'docs/operations.md'), 'utf8'))?.[1] ?? '';
    const lines = here(/```sh\n([^]*?)```/.exec(section)?.[1] ?? '');
    const words = / restore (\S+ --keys \S+)$/m.exec(lines)?.[1] ?? '';
    for (const name of ['anna', 'bea']) run(`vitalgate users add --username ${name} --email ${name}@example.org`);
    // As after a first start: there are keys of the installation.
    run('vitalgate patients erasures');
    run(`vitalgate backup ${words}`);
    run('vitalgate patients erase --user anna --confirm anna');
    expect(run(lines)).toContain('1 patients who were erased since are erased again');
    expect(existsSync(join(state, 'postgres.before'))).toBe(false);
    expect(run('vitalgate users list')).toMatch(/bea/);
    expect(run('vitalgate users list')).not.toMatch(/anna/);
  });
});
