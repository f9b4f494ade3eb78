import { describe, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { readConfig } from '../../src/config.ts';
import { judgeClock } from '../../src/doctor/clock.ts';
import { examineConfiguration } from '../../src/doctor/configuration.ts';
import { judgeSpace } from '../../src/doctor/disk.ts';
import type { Finding } from '../../src/doctor/finding.ts';

describe('doctor judges what cannot be planted on every machine', () => {
  test.each<[string, Parameters<typeof judgeSpace>[1], Finding['verdict']]>([
    ['plenty', { freeBytes: 50e9, inodes: 1e6, freeInodes: 9e5 }, 'well'],
    ['a file system that counts no inodes', { freeBytes: 50e9, inodes: 0, freeInodes: 0 }, 'well'],
    ['little space', { freeBytes: 1e9, inodes: 1e6, freeInodes: 9e5 }, 'warning'],
    ['hardly any space', { freeBytes: 1e8, inodes: 1e6, freeInodes: 9e5 }, 'wrong'],
    ['no inodes', { freeBytes: 50e9, inodes: 1e6, freeInodes: 12 }, 'wrong'],
  ])('space: %s', (_situation, space, verdict) => {
    const finding = judgeSpace('DATA_DIR', space);
    expect([finding.verdict, finding.remedy !== undefined]).toEqual([verdict, verdict !== 'well']);
  });

  test.each<[number, Finding['verdict']]>([[0, 'well'], [4_000, 'well'], [-6_000, 'warning'], [59_000, 'warning'], [61_000, 'wrong'], [-3_600_000, 'wrong']])('a clock %d ms from ours', (aheadMs, verdict) => {
    expect(judgeClock({ whose: 'the database', saidMs: 1_000_000 + aheadMs, askedMs: 999_900, answeredMs: 1_000_100 }).verdict).toBe(verdict);
  });

  test.each<[string, string, Finding['verdict']]>([
    ['not valid yet', '2026-01-01', 'wrong'], ['valid', '2027-01-01', 'well'], ['about to end', '2126-10-25', 'warning'], ['over', '2126-11-02', 'wrong'],
  ])('a certificate that is %s', (_situation, day, verdict) => {
    const tls = (name: string) => join(import.meta.dirname, '..', 'fixtures', 'tls', name);
    const findings = examineConfiguration(readConfig({ TLS_CERT: tls('first-cert.pem'), TLS_KEY: tls('first-key.pem') }), [], new Date(day));
    expect(findings.find(({ looked }) => looked === 'TLS_CERT')?.verdict).toBe(verdict);
  });
});
