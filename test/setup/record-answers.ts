import { afterAll } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { channel } from 'node:diagnostics_channel';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServiceAnswer } from '../../src/http/service-app.ts';

/** Writes down once per test file which statuses the services of this process answer; `status-reporter.ts` reads it when all have run. */
const folder = process.env['ANSWERS_DIR'];
if (folder !== undefined) {
  const file = join(folder, randomUUID());
  const known = new Set<string>();
  const record = (message: unknown): void => {
    const { service, operationId, status } = message as ServiceAnswer;
    const line = `${service} ${operationId} ${status}`;
    if (known.has(line)) return;
    known.add(line);
    appendFileSync(file, `${line}\n`);
  };
  const answers = channel('vitalgate:answer');
  answers.subscribe(record);
  afterAll(() => {
    answers.unsubscribe(record);
  });
}
