import { createHash } from 'node:crypto';
import { settingNames, type Config } from './settings.ts';
import { shownValue } from './shown-value.ts';

/** 64 hexadecimal digits that tell whether two starts had the same settings; secrets are masked first, so that none can be guessed from it. */
export const configurationDigest = (config: Config): string => {
  const shown = settingNames.map((name) => [name, config[name] === undefined ? null : shownValue(name, String(config[name]))]);
  return createHash('sha256').update(JSON.stringify(shown)).digest('hex');
};
