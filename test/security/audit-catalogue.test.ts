import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { actorIn, actorKinds, auditEvents, auditOutcomes } from '../../src/audit/audit-event.ts';
import { createRefusalRecorder, MOST_ANONYMOUS_ROWS } from '../../src/audit/refusal-recorder.ts';
import { peerClassOf } from '../../src/audit/request-source.ts';
import { specifications } from '../contract/specifications.ts';

const document = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'audit.md'), 'utf8');
const schemas = specifications.find(({ service }) => service === 'device-manager')?.spec.document['components'] as { schemas: Record<string, { enum?: string[]; properties?: Record<string, { enum?: string[] }> }> };

describe('what the audit can say', () => {
  test('H3 every event is in the specification and in docs/audit.md with its action, and no other is', () => {
    const told = [...document.matchAll(/^\| `([a-z-]+)` \| ([CRUDE]) \|/gm)].map(([, event, action]) => [event, action]);
    expect(Object.fromEntries(told)).toEqual(auditEvents);
    expect(schemas.schemas['AuditEventName']?.enum).toEqual(Object.keys(auditEvents));
    expect(schemas.schemas['ActorKind']?.enum).toEqual(actorKinds);
    expect(schemas.schemas['AuditOutcome']?.enum).toEqual(auditOutcomes);
  });

  test.each<[string, string, string | undefined, ReturnType<typeof actorIn>]>([
    ['an operator', 'operator:olga', 'anna', { kind: 'operator', id: 'olga', patientId: 'anna' }],
    ['a patient with the own data', 'patient:anna', 'anna', { kind: 'patient', id: null, patientId: 'anna' }],
    ['a patient without data', 'patient:anna', undefined, { kind: 'patient', id: null, patientId: 'anna' }],
    ['a person with their account', 'user:anna', undefined, { kind: 'user', id: null, patientId: 'anna' }],
    ['a person with the account of somebody else', 'user:olga', 'anna', { kind: 'user', id: 'olga', patientId: 'anna' }],
    ['a sender whose name has a colon', 'sender:a:b', undefined, { kind: 'sender', id: 'a:b', patientId: '' }],
    ['a service', 'service', 'anna', { kind: 'service', id: null, patientId: 'anna' }],
    ['the command line', 'vitalgate', undefined, { kind: 'command-line', id: null, patientId: '' }],
  ])('H3 %s is kept once, so that an erasure finds it', (_situation, actor, patientId, kept) => {
    expect(actorIn({ actor, patientId })).toEqual(kept);
  });

  test.each<[string | undefined, string]>([
    ['127.0.0.1', 'loopback'], ['127.8.8.8', 'loopback'], ['::1', 'loopback'], ['::ffff:127.0.0.1', 'loopback'], ['10.1.2.3', 'private'], ['172.31.0.1', 'private'], ['172.32.0.1', 'public'],
    ['192.168.1.1', 'private'], ['::ffff:192.168.1.1', 'private'], ['100.64.0.1', 'private'], ['fd00::1', 'private'], ['fe80::1%eth0', 'private'], ['203.0.113.9', 'public'], ['2001:db8::1', 'public'], [undefined, 'none'],
  ])('H3 of the address %s the class is kept: %s', (address, peer) => {
    expect(peerClassOf(address)).toBe(peer);
  });
});

describe('refusals about nobody', () => {
  const rules = { actorOf: (caller: string) => `patient:${caller}`, patientOf: (caller: string) => caller, special: {}, uploads: new Set<string>(), namesPerson: new Set<string>() };
  const refusal = (caller?: string) => ({ operationId: 'getHealthData', status: 401, code: 'unauthenticated', caller, showedCredential: true, target: undefined, requestId: 'request-1' });

  test('H3 are bounded in each minute, and the log tells how many more there were; those of somebody are not', async () => {
    const [rows, warnings]: [string[], object[]] = [[], []];
    let now = 0;
    const record = createRefusalRecorder(rules, ({ actor }) => Promise.resolve(void rows.push(actor)), { warn: (fields) => void warnings.push(fields) }, () => now);
    for (let count = 0; count < MOST_ANONYMOUS_ROWS + 5; count += 1) await record(refusal());
    await record({ ...refusal('anna'), status: 403, code: 'not-your-data' });
    expect([rows.length, rows.at(-1), warnings]).toEqual([MOST_ANONYMOUS_ROWS + 1, 'patient:anna', []]);
    now = 60_000;
    await record(refusal());
    expect([rows.length, warnings]).toEqual([MOST_ANONYMOUS_ROWS + 2, [{ refusals: 5 }]]);
  });

  test('H4 a refusal that cannot be written stands, and is told without its reason', async () => {
    const warnings: object[] = [];
    const record = createRefusalRecorder(rules, () => Promise.reject(new TypeError('secret')), { warn: (fields) => void warnings.push(fields) });
    await record(refusal());
    expect(warnings).toEqual([{ error: 'TypeError', requestId: 'request-1' }]);
  });
});
