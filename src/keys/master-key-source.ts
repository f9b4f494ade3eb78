import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config.ts';
import { masterKeyFault, parseMasterKey, type MasterKey, type MasterKeys } from './master-key.ts';
import { secretFile } from './secret-file.ts';

/** The settings that say where master keys come from. */
export type MasterKeySettings = Pick<Config, 'DATA_DIR'> & Partial<Pick<Config, `MASTER_KEY${'' | '_PREVIOUS'}${'' | '_FILE' | '_COMMAND'}`>>;

const commandMs = 10_000;
const mostBytes = 1024;

/** Standard output of a command that is run without a shell; neither its output nor its complaints are told to anybody. */
const outputOf = (setting: string, [file = '', ...words]: readonly string[]): Promise<string> =>
  new Promise((resolve, reject) => {
    execFile(file, words, { timeout: commandMs, maxBuffer: mostBytes, killSignal: 'SIGKILL', windowsHide: true }, (error, output) => {
      if (error === null) resolve(output.trim());
      else if (error.killed === true && error.code !== 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') reject(new Error(`${setting} did not end within ${String(commandMs / 1000)} seconds.`));
      else reject(new Error(`${setting} failed (${String(error.code ?? error.signal)}).`));
    }).stdin?.end();
  });

const contentOf = (setting: string, path: string): string => {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw new Error(`${setting} cannot be read (${String((error as NodeJS.ErrnoException).code)}).`, { cause: error });
  }
};

const checked = (setting: string, text: string): MasterKey => {
  const fault = masterKeyFault(text);
  if (fault !== undefined) throw new Error(`The master key of ${setting} ${fault}.`);
  return parseMasterKey(text);
};

const named = async (settings: MasterKeySettings, setting: 'MASTER_KEY' | 'MASTER_KEY_PREVIOUS'): Promise<MasterKey | undefined> => {
  const [text, file, command] = [settings[setting], settings[`${setting}_FILE`], settings[`${setting}_COMMAND`]];
  if (text !== undefined) return checked(setting, text);
  if (file !== undefined) return checked(`${setting}_FILE`, contentOf(`${setting}_FILE`, file));
  return command && checked(`${setting}_COMMAND`, await outputOf(`${setting}_COMMAND`, command));
};

const madeIn = ({ DATA_DIR }: MasterKeySettings): string => join(DATA_DIR, 'master-key');

/** Whether there is a master key, named by a setting or made before. */
export const isMasterKeyGiven = (settings: MasterKeySettings): boolean =>
  [settings.MASTER_KEY, settings.MASTER_KEY_FILE, settings.MASTER_KEY_COMMAND].some((given) => given !== undefined) || existsSync(madeIn(settings));

/**
 * The master keys that the settings name: as text, in a file, or as what a command prints (within 10 seconds, without a shell). Where
 * none is named it is that of DATA_DIR/master-key, which is made once if `mayMake`. Rejects with a reason for the operator that never
 * quotes a key.
 */
export const loadMasterKeys = async (settings: MasterKeySettings, mayMake: boolean): Promise<MasterKeys> => {
  const path = madeIn(settings);
  const made = (): MasterKey => {
    if (!mayMake && !existsSync(path)) throw new Error(`The master key is missing: the database holds keys that one wrapped. Set MASTER_KEY, MASTER_KEY_FILE or MASTER_KEY_COMMAND, or restore ${path}.`);
    return checked(path, secretFile(path, () => randomBytes(32).toString('hex')));
  };
  const current = (await named(settings, 'MASTER_KEY')) ?? made();
  return { current, previous: await named(settings, 'MASTER_KEY_PREVIOUS') };
};

/** What the operator should know of files with master keys: those that others may read. */
export const masterKeyNotices = (settings: MasterKeySettings): string[] =>
  [settings.MASTER_KEY_FILE, settings.MASTER_KEY_PREVIOUS_FILE].flatMap((path) =>
    path !== undefined && (statSync(path).mode & 0o004) !== 0 ? [`${path} holds a master key and others can read it: chmod 600 it`] : [],
  );
