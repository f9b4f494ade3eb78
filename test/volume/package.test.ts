import { expect, test } from '@jest/globals';
import { existsSync } from 'node:fs';
import packageFile from '../../package.json' with { type: 'json' };
import { pack } from '../../scripts/release/package.ts';
import { verifyPacked } from '../../scripts/release/verify.ts';

test('what is published, installed in an empty folder, does what the README says, and its client is typed', async () => {
  const file = pack();
  expect(existsSync(file)).toBe(true);
  await expect(verifyPacked(file, packageFile.version)).resolves.toBeUndefined();
}, 600_000);
