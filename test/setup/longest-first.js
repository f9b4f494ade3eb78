// JavaScript, as the types of the package tell of another default export than the package has.
import TestSequencer from '@jest/test-sequencer';

/** Files that take longer than others of their suite by far: begun last, they would be waited for alone. */
const longest = [
  'test/faults/cycles.test.ts', 'test/faults/instances.test.ts', 'test/cli/program.test.ts', 'test/apple-health/import.test.ts', 'test/device-manager/submissions.test.ts', 'test/readme/readme.test.ts',
];

const placeOf = ({ path }) => {
  const place = longest.findIndex((file) => path.endsWith(file));
  return place === -1 ? longest.length : place;
};

/** Jest orders files by how long they took the last time, of which a new copy knows nothing; the longest go first there too. */
export default class LongestFirst extends TestSequencer {
  async sort(tests) {
    return [...(await super.sort(tests))].sort((one, other) => placeOf(one) - placeOf(other));
  }
}
