import { describe, expect, test } from '@jest/globals';
import { join } from 'node:path';
import ts from 'typescript';

const root = join(import.meta.dirname, '..', '..');
const { options } = ts.parseJsonConfigFileContent(ts.readConfigFile(join(root, 'tsconfig.json'), (path) => ts.sys.readFile(path)).config, ts.sys, root);

const parsed = new Map<string, ts.SourceFile | undefined>();
let last: ts.Program | undefined;

/** What the compiler says about a service and one of its files when that file reads otherwise; nothing is written. */
const refusals = (service: string, file: string, change: (text: string) => string): string[] => {
  const changed = join(root, 'src', service, file);
  const host = ts.createCompilerHost(options);
  const read = host.getSourceFile.bind(host);
  host.getSourceFile = (path, languageVersion) => {
    if (path === changed) return ts.createSourceFile(path, change(ts.sys.readFile(path) ?? ''), languageVersion);
    if (!parsed.has(path)) parsed.set(path, read(path, languageVersion));
    return parsed.get(path);
  };
  const entry = join(root, 'src', service, 'service.ts');
  const program = ts.createProgram({ rootNames: [entry], options, host, ...(last && { oldProgram: last }) });
  last = program;
  return [entry, changed].flatMap((path) => program.getSemanticDiagnostics(program.getSourceFile(path)).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' ')));
};

const replacing = (from: string, to: string) => (text: string): string => {
  if (text.split(from).length !== 2) throw new Error(`not exactly once: ${from}`);
  return text.replace(from, to);
};

describe('the compiler', () => {
  test.each(['bff', 'device-manager', 'user-manager'])('accepts the handlers of %s as they are', (service) => {
    expect(refusals(service, 'service.ts', (text) => text)).toEqual([]);
  });

  test.each([
    { service: 'bff', handler: 'the profile', file: 'service.ts', from: "...profile(knownOf('UserInfo')),", named: 'getProfile' },
    { service: 'device-manager', handler: 'the charts', file: 'operation-handlers.ts', from: '...charts(createCharts(pool, keyRing, () => chartedTypes(ruleBook))),', named: 'getPatientChartData' },
    { service: 'user-manager', handler: 'looking up users', file: 'handlers/user-search.ts', from: '  findUsers: async', to: '  lookUpUsers: async', named: 'findUsers' },
  ])('refuses $service without the handler of $handler', ({ service, file, from, to = '', named }) => {
    expect(refusals(service, file, replacing(from, to)).join(' ')).toContain(named);
  });

  test.each([
    { service: 'bff', situation: 'a status that the operation does not declare', file: 'handlers/profile.ts', from: 'status: 200', to: 'status: 202' },
    { service: 'bff', situation: 'a problem status that is returned instead of thrown', file: 'handlers/profile.ts', from: 'status: 200', to: 'status: 401' },
    { service: 'device-manager', situation: 'a value outside an enum', file: 'handlers/devices.ts', from: "'Not Active'", to: "'Inactive'" },
    { service: 'device-manager', situation: 'a required member left out', file: 'handlers/devices.ts', from: '  deviceType: row.device_type,', to: '' },
    { service: 'user-manager', situation: 'a status that the operation does not declare', file: 'handlers/user-states.ts', from: 'status: 204', to: 'status: 205' },
  ])('refuses $service answering $situation ($to)', ({ service, file, from, to }) => {
    expect(refusals(service, file, replacing(from, to))).not.toEqual([]);
  });
});
