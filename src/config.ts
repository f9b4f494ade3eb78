import { contradictions } from './config/contradictions.ts';
import { readSettingsFile, type SettingsFile } from './config/file.ts';
import { fileVariable, noticeInEnvironment } from './config/names.ts';
import { configSchema, settingNames, type Config, type SettingName } from './config/settings.ts';
import { shownValue } from './config/shown-value.ts';

export { serviceNames, type Config, type ServiceName } from './config/settings.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Where a setting comes from. */
export type Origin = 'default' | 'file' | 'environment';

/** The settings that hold, where each comes from, and what the operator should know about names and files. */
export interface LoadedConfig {
  readonly config: Config;
  readonly origins: Readonly<Record<SettingName, Origin>>;
  readonly notices: readonly string[];
}

/** The settings are wrong; `mistakes` names each of them, and never a value. */
export class ConfigError extends Error {
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(`The settings are wrong, nothing was started:\n${mistakes.map((mistake) => `  ${mistake}`).join('\n')}`);
    this.name = 'ConfigError';
    this.mistakes = mistakes;
  }
}

/** Switches of Node that take away what the program promises. */
const unsafeSwitches = ({ NODE_TLS_REJECT_UNAUTHORIZED: verifies }: Environment): string[] =>
  verifies === undefined || verifies === '1' ? [] : ['NODE_TLS_REJECT_UNAUTHORIZED would let anybody pose as the services that we call: unset it, and name a CA of your own in NODE_EXTRA_CA_CERTS'];

/** An empty text counts as unset, but for the one list that can be empty. */
const given = (source: Environment, name: SettingName): string | undefined => {
  const text = source[name];
  return text?.trim() === '' && name !== 'USERINFO_ADDITIONAL_PROPERTIES' ? undefined : text;
};

const read = (values: Environment, mistakes: readonly string[]): Config => {
  const checked = configSchema.safeParse(values);
  const all = [...mistakes, ...(checked.error?.issues ?? []).map((issue) => `${String(issue.path[0])} ${issue.message}`)];
  if (!checked.success || all.length > 0) throw new ConfigError(all);
  const contradicting = contradictions(checked.data);
  if (contradicting.length > 0) throw new ConfigError(contradicting);
  return Object.freeze(checked.data);
};

const noticeOfOpenFile = ({ path, values, isOpenToOthers }: SettingsFile): string[] => {
  const secrets = settingNames.filter((name) => {
    const text = given(values, name);
    return text !== undefined && shownValue(name, text) !== text;
  });
  return isOpenToOthers && secrets.length > 0 ? [`${path} holds secrets (${secrets.join(', ')}) and others can read it: chmod 600 it`] : [];
};

/**
 * Reads the settings from an environment and the file that is named, or that VITALGATE_CONFIG names; the environment wins.
 * Throws ConfigError with all mistakes together, naming settings and never values.
 */
export const loadConfig = (environment: Environment, namedFile?: string): LoadedConfig => {
  const path = namedFile ?? environment[fileVariable];
  const file = path === undefined || path.trim() === '' ? undefined : readSettingsFile(path, environment);
  const sources = settingNames.map((name) => {
    const [own, filed] = [given(environment, name), given(file?.values ?? {}, name)];
    const origin: Origin = own !== undefined ? 'environment' : filed !== undefined ? 'file' : 'default';
    return { name, origin, text: own ?? filed };
  });
  const values = Object.fromEntries(sources.flatMap(({ name, text }) => (text === undefined ? [] : [[name, text]])));
  return {
    config: read(values, [...(file?.mistakes ?? []), ...unsafeSwitches(environment)]),
    origins: Object.fromEntries(sources.map(({ name, origin }) => [name, origin])) as Record<SettingName, Origin>,
    notices: [...Object.keys(environment).flatMap((name) => noticeInEnvironment(name) ?? []), ...(file === undefined ? [] : noticeOfOpenFile(file))],
  };
};

/** Reads the settings alone; see loadConfig. */
export const readConfig = (environment: Environment): Config => loadConfig(environment).config;
