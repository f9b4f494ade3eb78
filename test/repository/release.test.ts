import { describe, expect, test } from '@jest/globals';
import { isLater, released } from '../../scripts/release/versions.ts';

describe('versions', () => {
  test.each([
    ['0.2.0', '0.1.0', true], ['0.1.1', '0.1.0', true], ['1.0.0', '0.9.9', true], ['0.10.0', '0.9.0', true],
    ['0.1.0', '0.1.0', false], ['0.0.9', '0.1.0', false], ['0.9.9', '1.0.0', false], ['1.0', '0.1.0', false], ['', '0.1.0', false], ['v0.2.0', '0.1.0', false],
  ])('%s after %s: %s', (version, before, expected) => {
    expect(isLater(version, before)).toBe(expected);
  });
});

describe('the changelog of a release', () => {
  const before = '# Changelog\n\n## Unreleased\n- One thing.\n\n## 0.1.0 (2026-01-01)\n- The first.\n';

  test('has what was unreleased under its version and day, and an empty section for what comes', () => {
    expect(released(before, '0.2.0', '2026-12-01')).toBe('# Changelog\n\n## Unreleased\n\n## 0.2.0 (2026-12-01)\n- One thing.\n\n## 0.1.0 (2026-01-01)\n- The first.\n');
  });

  test.each([
    ['nothing is unreleased', '# Changelog\n\n## Unreleased\n\n## 0.1.0 (2026-01-01)\n- The first.\n'],
    ['there is no section', '# Changelog\n'],
  ])('is refused where %s', (_situation, text) => {
    expect(() => released(text, '0.2.0', '2026-12-01')).toThrow('nothing unreleased');
  });
});
