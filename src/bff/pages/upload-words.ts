import type { UploadProgress } from '../../../generated/bff.d.ts';
import { countText } from './number-words.ts';

/** Why a sample that was kept has no value in charts; other reasons are shown as the service names them. */
const reasons: Readonly<Record<string, string>> = {
  'type-unknown': 'the kind of measurement is not known',
  'no-rule': 'this kind of measurement cannot be read yet',
  'value-missing': 'the value is missing',
  'value-absent': 'the device says that it could not measure',
  'value-not-a-number': 'the value is not a number',
  'unit-missing': 'the unit is missing',
  'unit-unknown': 'the unit is not known',
};

/** Why samples of an upload could not be read, each reason once. */
export const failureWords = ({ failures }: UploadProgress): readonly string[] =>
  [...new Set(failures.map(({ reason }) => reason))].map((reason) => reasons[reason] ?? reason);

/** What became of an upload in one line. */
export const outcomeWords = ({ state, counts: { received, normalized, deleted, superseded } }: UploadProgress): string => {
  const parts = [
    normalized > 0 && `${countText(normalized, 'value')} in your charts`,
    received > 0 && `${countText(received, 'value')} on the way there`,
    superseded > 0 && `${countText(superseded, 'value')} replaced by a later version`,
    deleted > 0 && `${countText(deleted, 'value')} deleted`,
  ].filter((part) => part !== false);
  return parts.length > 0 ? parts.join(', ') : state === 'processing' ? 'On the way' : 'Nothing for your charts';
};
