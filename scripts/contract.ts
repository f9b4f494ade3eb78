/**
 * Compares the contract of each service with the last released one (`openapi/released/`): what breaks clients, or adds something, needs
 * the version that says so (openapi/WRITING.md), else the exit code is 1. With `--release`, today's become the released ones.
 */
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { judgeContract } from './contract/verdict.ts';

const root = join(import.meta.dirname, '..');
const services = ['bff', 'device-manager', 'user-manager'];
const releasedOf = (service: string): string => join(root, 'openapi', 'released', `${service}.json`);
const currentOf = (service: string): string => join(root, 'generated', `${service}.json`);

const verdicts = await Promise.all(services.map((service) => judgeContract(service, releasedOf(service), currentOf(service))));
for (const { told } of verdicts) console.log(told);
const isKept = verdicts.every((verdict) => verdict.isKept);
if (!isKept) process.exitCode = 1;
if (process.argv.includes('--release') && isKept) {
  mkdirSync(join(root, 'openapi', 'released'), { recursive: true });
  for (const service of services) copyFileSync(currentOf(service), releasedOf(service));
  console.log('kept as released in openapi/released/');
}
