import { resolve } from 'node:path';
import { z } from 'zod';

export const serviceNames = ['bff', 'device-manager', 'user-manager'] as const;
export type ServiceName = (typeof serviceNames)[number];

export const jobNames = ['normalize', 'release-quarantine', 'password-reset-mail', 'password-changed-mail', 'bulk-activation', 'bulk-change-password'] as const;

const port = z.coerce.number({ error: 'is not a number' }).int('is not a whole number').min(0, 'is below 0').max(65_535, 'is above 65535');
const url = z.url({ protocol: /^https?$/, error: 'is not an http or https URL' });
/** As libpq, also without a host: `postgres://user:password@/database?host=/run/postgresql`. */
const isDatabaseUrl = (text: string): boolean => /^postgres(ql)?:\/\//.test(text) && URL.canParse(text.replace('@/', '@localhost/'));
const secret = z.string().min(32, 'is shorter than 32 characters').max(512, 'is longer than 512 characters').regex(/^[\x21-\x7e]+$/, 'has characters other than visible ASCII, which no header carries');
const list = <Name extends string>(names: readonly Name[]) =>
  z
    .string()
    .transform((text) => [...new Set(text.split(',').map((name) => name.trim()))])
    .pipe(z.array(z.enum(names, { error: `is not a list of ${names.join(', ')}` })).min(1, 'is empty'));

const settings = z.object({
  HOST: z.string().max(255).default('127.0.0.1'),
  BFF_PORT: port.default(3000),
  DEVICE_MANAGER_PORT: port.default(3001),
  USER_MANAGER_PORT: port.default(3002),
  HTTP_PORT: port.optional(),
  SERVICES: list(serviceNames).default([...serviceNames]),
  JOBS: z
    .union([z.literal('*').transform(() => [...jobNames]), z.literal('none').transform(() => []), list(jobNames)], {
      error: `is not *, none or a list of ${jobNames.join(', ')}`,
    })
    .default([...jobNames]),
  DATA_DIR: z
    .string()
    .default('data')
    .transform((path) => resolve(path)),
  DATABASE_URL: z.string().refine(isDatabaseUrl, 'is not a postgres:// URL').optional(),
  DEVICE_MANAGER_URL: url.optional(),
  USER_MANAGER_URL: url.optional(),
  PUBLIC_URL: url.optional(),
  SERVICE_TOKEN: secret.optional(),
  SERVICE_TOKEN_PREVIOUS: secret.optional(),
  MASTER_KEY: z
    .string()
    .regex(/^([0-9a-fA-F]{64}|[A-Za-z0-9+/_-]{43}=?)$/, 'is not 32 bytes in hex or base64')
    .optional(),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], { error: 'is not a log level (trace … fatal, silent)' })
    .default('info'),
  SESSION_DURATION_SECONDS: z.coerce.number({ error: 'is not a number' }).int().min(60, 'is below 60').max(2_592_000, 'is above 30 days').default(86_400),
  REFRESH_TOKEN_DURATION_SECONDS: z.coerce.number({ error: 'is not a number' }).int().min(60, 'is below 60').max(31_536_000, 'is above one year').default(2_592_000),
  PASSWORD_RESET_MINUTES: z.coerce.number({ error: 'is not a number' }).int().min(5, 'is below 5').max(1_440, 'is above one day').default(30),
  SMTP_URL: z.string().refine((text) => /^smtps?:\/\//.test(text) && URL.canParse(text), 'is not an smtp:// or smtps:// URL').optional(),
  MAIL_FROM: z.string().max(300).default('Vitalgate <vitalgate@localhost>'),
  USER_GROUPS_FILE: z.string().optional(),
  USERINFO_ADDITIONAL_PROPERTIES: z.string().optional(),
  CLIENT_TYPE: z.string().max(100).regex(/^[\x21-\x7e]+$/, 'has characters other than visible ASCII, which no header carries').default('website'),
  CUSTOM_USER_ID_KEY: z.string().max(100).optional(),
  USERID_HEADER_KEY: z.string().regex(/^[A-Za-z0-9-]{1,100}$/, 'is no name of a header').default('miauserid'),
});

/** Every setting of the program, read once at start and passed on in parts. Secrets never leave it in a message. */
export type Config = Readonly<z.infer<typeof settings>>;

/** The settings are wrong; `mistakes` names each of them, and never a value. */
export class ConfigError extends Error {
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(`The settings are wrong, nothing was started:\n${mistakes.map((mistake) => `  ${mistake}`).join('\n')}`);
    this.name = 'ConfigError';
    this.mistakes = mistakes;
  }
}

/** What one setting cannot tell: settings that need or exclude each other. */
const contradictions = (config: Config): string[] => {
  const mistakes: string[] = [];
  const runs = (service: ServiceName) => config.SERVICES.includes(service);
  if (config.HTTP_PORT !== undefined && config.SERVICES.length > 1) mistakes.push('HTTP_PORT is for one service alone: name it in SERVICES');
  if (runs('bff') && !runs('device-manager') && !config.DEVICE_MANAGER_URL) mistakes.push('DEVICE_MANAGER_URL is needed: the Device Manager does not run here');
  if ((runs('bff') || runs('device-manager')) && !runs('user-manager') && !config.USER_MANAGER_URL) mistakes.push('USER_MANAGER_URL is needed: the User Manager does not run here');
  if (config.SERVICES.length < serviceNames.length && !config.SERVICE_TOKEN) mistakes.push('SERVICE_TOKEN is needed where services run apart');
  if (config.SERVICE_TOKEN_PREVIOUS && !config.SERVICE_TOKEN) mistakes.push('SERVICE_TOKEN_PREVIOUS is given without SERVICE_TOKEN');
  const fixed = [config.BFF_PORT, config.DEVICE_MANAGER_PORT, config.USER_MANAGER_PORT].filter((number) => number !== 0);
  if (config.HTTP_PORT === undefined && new Set(fixed).size < fixed.length) mistakes.push('BFF_PORT, DEVICE_MANAGER_PORT and USER_MANAGER_PORT must differ');
  return mistakes;
};

/**
 * Reads the settings from an environment; an empty text counts as unset.
 * Throws ConfigError with all mistakes together, naming settings and never values.
 */
export const readConfig = (environment: Readonly<Record<string, string | undefined>>): Config => {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined && value.trim() !== ''));
  const read = settings.safeParse(given);
  if (!read.success) {
    throw new ConfigError(read.error.issues.map((issue) => `${String(issue.path[0])} ${issue.message}`));
  }
  const mistakes = contradictions(read.data);
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  return Object.freeze(read.data);
};
