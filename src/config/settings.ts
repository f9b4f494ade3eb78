import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { z } from 'zod';
import { masterKeyFault } from '../keys/master-key.ts';
import { serviceTokenFault } from '../keys/service-token.ts';
import { hasLateAt } from './url-parts.ts';

export const serviceNames = ['bff', 'device-manager', 'user-manager'] as const;
export type ServiceName = (typeof serviceNames)[number];

export const jobNames = [
  'normalize', 'release-quarantine', 'renormalize', 'submit-detections', 'rotate-data-keys', 'export-patient', 'erase-patient', 'expire-data',
  'password-reset-mail', 'password-changed-mail', 'bulk-activation', 'bulk-change-password', 'erase-health-data', 'scrub-accounts', 'expire-accounts', 'chain-audit',
] as const;

/** One setting: how its text is read, what it means, what holds when it is left out, and whether it may be shown. */
interface Setting {
  readonly schema: z.ZodType;
  /** A sentence for the operator. */
  readonly meaning: string;
  /** The default in words. */
  readonly otherwise: string;
  /** `whole` is never shown; of `password` the password inside the URL is not; `no` is shown. */
  readonly secret: 'no' | 'whole' | 'password';
}

const number = z.coerce.number({ error: 'is not a number' }).int('is not a whole number');
const port = number.min(0, 'is below 0').max(65_535, 'is above 65535');
const url = z.url({ protocol: /^https?$/, error: 'is not an http or https URL' });
/** What is wrong with each text is told by `url` alone. */
const hasNo = (parts: RegExp) => (text: string): boolean => {
  if (!URL.canParse(text)) return true;
  const { username, password } = new URL(text);
  return `${username}${password}` === '' && !parts.test(text);
};
/** We name services by their addresses, in tokens too, and show them no user and password. */
const serviceUrl = url.refine(hasNo(/[?#@]/), 'has a user, a password, a query or a fragment, which the address of a service has not');
/** Names who issues tokens, and is never asked. */
const issuerUrl = url.refine(hasNo(/[?#]/), 'has a user, a password, a query or a fragment, which the name of an issuer has not');
const keysUrl = url.refine(hasNo(/#|^[^?]*@/), 'has a user, a password or a fragment, which the address of keys has not');
/** As libpq, also without a host: `postgres://user:password@/database?host=/run/postgresql`. */
const isDatabaseUrl = (text: string): boolean => /^postgres(ql)?:\/\//.test(text) && URL.canParse(text.replace('@/', '@localhost/'));
/** A text whose password does not end its host, which would name another one. */
const passwordUrl = z.string().refine((text) => !hasLateAt(text), { message: 'has an @ behind the host: write / ? # and @ in a password as %2F %3F %23 and %40', abort: true });
const isMailUrl = (text: string): boolean => /^smtps?:\/\//.test(text) && URL.canParse(text);
const bearer = z.string().max(8192, 'is longer than 8192 characters').regex(/^[\x21-\x7e]+$/, 'has characters other than visible ASCII, which no header carries');
const faultless = (faultOf: (text: string) => string | undefined) => z.string().superRefine((text, context) => {
  const fault = faultOf(text);
  if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
});
const masterKey = faultless(masterKeyFault);
const serviceToken = faultless(serviceTokenFault);
/** A path, or a JSON list of a program and its arguments: no shell ever reads it. */
const argumentsIn = (text: string): unknown => {
  if (!text.startsWith('[')) return [text];
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined; // the schema says what is wanted
  }
};
const command = z.string().transform(argumentsIn).pipe(z.array(z.string(), { error: 'is neither a path nor a JSON list of texts' }).min(1, 'is empty'));
const areNetworks = (networks: readonly string[]): boolean =>
  networks.every((network) => {
    const [address = '', bits, ...more] = network.split('/');
    return isIP(address) !== 0 && more.length === 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (isIP(address) === 6 ? 128 : 32)));
  });
/** Scheme, host and port, and nothing else. */
const isOrigin = (text: string): boolean => URL.canParse(text) && /^[a-z][a-z0-9+.-]*:\/\/[^/?#@\s*]+$/.test(text);
const quoted = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ');
const namesIn = (text: string): string[] => [...new Set(text.split(',').map((name) => name.trim()))];
const list = <Name extends string>(names: readonly Name[]) =>
  z.string().transform(namesIn).pipe(z.array(z.enum(names, { error: `is not a list of ${names.join(', ')}` })).min(1, 'is empty'));
const jobs = z.union([z.literal('*').transform(() => [...jobNames]), z.literal('none').transform(() => []), list(jobNames)], {
  error: `is not *, none or a list of ${jobNames.join(', ')}`,
});
/** Headers that mean something by themselves, and so cannot name a patient. */
const meaningfulHeader = /^(authorization|cookie|host|connection|content-.*|transfer-encoding|te|trailer|upgrade|expect|accept.*|prefer|if-none-match|keep-alive|traceparent|tracestate|x-forwarded-(?:for|proto|host|port|server|prefix|ssl)|x-request-id|x-api-key|x-service-token)$/;

/** Every setting there is; a name that is not here is a mistake. `docs/configuration.md` is made of this. */
export const settings = {
  HOST: { schema: z.string().max(255).default('127.0.0.1'), meaning: 'The address to listen on.', otherwise: '`127.0.0.1`', secret: 'no' },
  BFF_PORT: { schema: port.default(3000), meaning: 'The port of the BFF; 0 takes any free one.', otherwise: '`3000`', secret: 'no' },
  DEVICE_MANAGER_PORT: { schema: port.default(3001), meaning: 'The port of the Device Manager; 0 takes any free one.', otherwise: '`3001`', secret: 'no' },
  USER_MANAGER_PORT: { schema: port.default(3002), meaning: 'The port of the User Manager; 0 takes any free one.', otherwise: '`3002`', secret: 'no' },
  HTTP_PORT: { schema: port.optional(), meaning: 'The port where one service runs alone, whichever it is.', otherwise: "the service's own port", secret: 'no' },
  SERVICES: { schema: list(serviceNames).default([...serviceNames]), meaning: `The services that run here: a list of ${quoted(serviceNames)}.`, otherwise: 'all three', secret: 'no' },
  JOBS: { schema: jobs.default([...jobNames]), meaning: `The background jobs that run here: \`*\` for all, \`none\`, or a list of ${quoted(jobNames)}.`, otherwise: '`*`', secret: 'no' },
  DATA_DIR: {
    schema: z.string().default('data').transform((path) => resolve(path)),
    meaning: 'The folder of the embedded PostgreSQL, of keys made here and of `server.json`.', otherwise: '`data` in the folder where it was started', secret: 'no',
  },
  DATABASE_URL: {
    schema: passwordUrl.refine(isDatabaseUrl, 'is not a postgres:// URL').optional(),
    meaning: 'A PostgreSQL 15 or newer.', otherwise: 'the embedded PostgreSQL in `DATA_DIR`', secret: 'password',
  },
  DEVICE_MANAGER_URL: {
    schema: z.union([z.literal('none'), serviceUrl]).optional(),
    meaning: 'The Device Manager that the BFF asks, and that the User Manager has erase the health data of a user who is deleted; `none` for a User Manager alone, in an installation without one.',
    otherwise: 'the one in this process', secret: 'password',
  },
  USER_MANAGER_URL: { schema: serviceUrl.optional(), meaning: 'The User Manager that the BFF and the Device Manager ask; it names itself so in tokens for the webhook, so set it alike everywhere. No address of a service has a user, a password or a query.', otherwise: 'the one in this process', secret: 'password' },
  TMM_SERVICE_URL: { schema: serviceUrl.optional(), meaning: 'The Therapy and Monitoring Manager to which the Device Manager submits detections; see [therapy-monitoring.md](therapy-monitoring.md).', otherwise: 'nothing is submitted', secret: 'password' },
  TMM_SERVICE_TOKEN: { schema: bearer.optional(), meaning: 'The bearer shown to it, where something in front of it asks for one.', otherwise: 'none is shown', secret: 'whole' },
  TMM_TIMEOUT_SECONDS: { schema: number.min(1, 'is below 1').max(300, 'is above 300').default(10), meaning: 'How long one request to it may take, 1 to 300.', otherwise: '`10`', secret: 'no' },
  TMM_RETRY_SECONDS: { schema: number.min(1, 'is below 1').max(3600, 'is above one hour').default(2), meaning: 'How long to wait after a first failure, 1 to 3600; the wait doubles with each further one, up to an hour.', otherwise: '`2`', secret: 'no' },
  TMM_MAX_FAILURES: { schema: number.min(1, 'is below 1').max(100, 'is above 100').default(12), meaning: 'How often one detection may fail while others are taken, before it is parked, 1 to 100.', otherwise: '`12`', secret: 'no' },
  HISTORY_DAYS: { schema: number.min(1, 'is below 1').max(100_000, 'is above 100000').optional(), meaning: 'The age in days beyond which the BFF refuses HealthKit samples.', otherwise: 'samples of any age are taken', secret: 'no' },
  UPLOADS_PER_MINUTE: { schema: number.min(1, 'is below 1').max(1_000_000, 'is above 1000000').default(600), meaning: 'How many requests with samples or deletions one person may send in a minute to one BFF process.', otherwise: '`600`', secret: 'no' },
  PAYLOAD_RETENTION_DAYS: { schema: number.min(1, 'is below 1').max(36_500, 'is above 100 years').optional(), meaning: 'How many days payloads are kept as received, from the day they came; what is normalized of them stays, and so do payloads that a record refers to (the trace of an ECG, a route, a clinical record). See [privacy.md](privacy.md) for this and the others.', otherwise: 'kept', secret: 'no' },
  HEALTH_DATA_RETENTION_DAYS: { schema: number.min(1, 'is below 1').max(36_500, 'is above 100 years').optional(), meaning: 'How many days samples are kept with all that was made of them, from the day they came.', otherwise: 'kept', secret: 'no' },
  QUARANTINE_RETENTION_DAYS: { schema: number.min(1, 'is below 1').max(36_500, 'is above 100 years').optional(), meaning: 'How many days a delivery waits for its patient.', otherwise: 'kept', secret: 'no' },
  DISCARDED_RETENTION_DAYS: { schema: number.min(1, 'is below 1').max(36_500, 'is above 100 years').default(90), meaning: 'How many days it is known who threw a delivery away, and why.', otherwise: '`90`', secret: 'no' },
  SESSION_RETENTION_DAYS: { schema: number.min(1, 'is below 1').max(36_500, 'is above 100 years').default(1), meaning: 'How many days sessions and refresh tokens that have ended are kept.', otherwise: '`1`', secret: 'no' },
  RESET_RETENTION_DAYS: { schema: number.min(1, 'is below 1').max(36_500, 'is above 100 years').default(1), meaning: 'How many days links to set a password are kept that have ended.', otherwise: '`1`', secret: 'no' },
  BULK_JOB_RETENTION_DAYS: { schema: number.min(1, 'is below 1').max(36_500, 'is above 100 years').default(30), meaning: 'How many days jobs on many users are kept.', otherwise: '`30`', secret: 'no' },
  MAIL_RETENTION_DAYS: { schema: number.min(1, 'is below 1').max(36_500, 'is above 100 years').default(7), meaning: 'How many days mails are kept that were written to files.', otherwise: '`7`', secret: 'no' },
  EXPORT_RETENTION_DAYS: { schema: number.min(1, 'is below 1').max(365, 'is above 365').default(7), meaning: 'How many days an export of all of a patient can be downloaded, 1 to 365.', otherwise: '`7`', secret: 'no' },
  BACKUP_RETENTION_DAYS: { schema: number.min(0, 'is below 0').max(36_500, 'is above 100 years').default(30), meaning: 'How many days you keep backups: the certificate of an erasure says until when they hold what was erased.', otherwise: '`30`', secret: 'no' },
  PUBLIC_URL: {
    schema: url.optional(),
    meaning: 'How people reach the BFF: links in mails begin with it, cookies are `Secure` unless it is http on loopback, and its pages may change something.', otherwise: 'the BFF in this process; cookies are `Secure` unless `HOST` is loopback and there is no `TLS_CERT`', secret: 'password',
  },
  SERVICE_TOKEN: {
    schema: serviceToken.optional(),
    meaning: 'The credential that services show each other, at least 32 characters.', otherwise: 'made once in `DATA_DIR/service-token`', secret: 'whole',
  },
  SERVICE_TOKEN_PREVIOUS: { schema: serviceToken.optional(), meaning: 'A service token that is accepted as well, while the token is changed.', otherwise: 'none', secret: 'whole' },
  MASTER_KEY: {
    schema: masterKey.optional(),
    meaning: "32 random bytes in hex or base64 that wrap every patient's keys; see [encryption.md](encryption.md). **Without it nothing can be read again.**", otherwise: 'made once in `DATA_DIR/master-key`', secret: 'whole',
  },
  MASTER_KEY_FILE: { schema: z.string().optional(), meaning: 'A file that holds the master key, in place of `MASTER_KEY`.', otherwise: 'none', secret: 'no' },
  MASTER_KEY_COMMAND: {
    schema: command.optional(),
    meaning: 'A program that prints the master key, in place of `MASTER_KEY`: its path, or a JSON list of it and its arguments. It is run at start without a shell, and has 10 seconds.', otherwise: 'none', secret: 'no',
  },
  MASTER_KEY_PREVIOUS: { schema: masterKey.optional(), meaning: 'Another master key that opens what it wrapped, while the master key is changed.', otherwise: 'none', secret: 'whole' },
  MASTER_KEY_PREVIOUS_FILE: { schema: z.string().optional(), meaning: 'A file that holds it, in place of `MASTER_KEY_PREVIOUS`.', otherwise: 'none', secret: 'no' },
  MASTER_KEY_PREVIOUS_COMMAND: { schema: command.optional(), meaning: 'A program that prints it, in place of `MASTER_KEY_PREVIOUS`; as `MASTER_KEY_COMMAND`.', otherwise: 'none', secret: 'no' },
  LOG_LEVEL: {
    schema: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], { error: 'is not a log level (trace … fatal, silent)' }).default('info'),
    meaning: 'What the log tells: `trace`, `debug`, `info`, `warn`, `error`, `fatal`, `silent`.', otherwise: '`info`', secret: 'no',
  },
  SESSION_IDLE_SECONDS: { schema: number.min(60, 'is below 60').max(2_592_000, 'is above 30 days').default(3_600), meaning: 'How long a session or an access token may go without use, 60 to 2592000; a use is noted once a minute.', otherwise: '`3600`', secret: 'no' },
  SESSION_DURATION_SECONDS: { schema: number.min(60, 'is below 60').max(2_592_000, 'is above 30 days').default(86_400), meaning: 'How long a session or an access token lasts, however much it is used, 60 to 2592000.', otherwise: '`86400`', secret: 'no' },
  REFRESH_TOKEN_DURATION_SECONDS: { schema: number.min(60, 'is below 60').max(31_536_000, 'is above one year').default(2_592_000), meaning: 'How long a sign-in can be renewed by refresh tokens, from the sign-in on, 60 to 31536000.', otherwise: '`2592000`', secret: 'no' },
  SESSION_COOKIE: {
    schema: z.enum(['sid', '__Host-sid'], { error: 'is neither sid nor __Host-sid' }).default('sid'),
    meaning: 'The name of the cookie of the BFF. With `__Host-sid` browsers keep other hosts of the domain from setting it; it needs https.', otherwise: '`sid`', secret: 'no',
  },
  ALLOWED_ORIGINS: {
    schema: z.string().transform(namesIn).refine((origins) => origins.every(isOrigin), 'is not a list of origins such as https://app.example.org').default([]),
    meaning: 'Origins, separated by commas, of apps in browsers that are served from elsewhere and may use the BFF with cookies; they must be of the same site (`SameSite=Lax`).', otherwise: "the BFF's own pages alone", secret: 'no',
  },
  PASSWORD_MIN_LENGTH: { schema: number.min(8, 'is below 8').max(64, 'is above 64').default(15), meaning: 'How many characters a new password must have, 8 to 64; NIST SP 800-63B-4 asks for 15 where there is no second factor.', otherwise: '`15`', secret: 'no' },
  PASSWORD_RESETS_PER_HOUR: { schema: number.min(1, 'is below 1').max(1_000_000, 'is above 1000000').default(30), meaning: 'How many links to set a new password one source may ask one BFF process for in an hour.', otherwise: '`30`', secret: 'no' },
  PASSWORD_RESET_MINUTES: { schema: number.min(5, 'is below 5').max(1_440, 'is above one day').default(30), meaning: 'How long the link of a reset mail works, 5 to 1440.', otherwise: '`30`', secret: 'no' },
  SMTP_URL: {
    schema: passwordUrl.refine(isMailUrl, 'is not an smtp:// or smtps:// URL').refine((text) => !/rejectUnauthorized/i.test(text), 'switches off the check of certificates: name a CA of your own in NODE_EXTRA_CA_CERTS').optional(),
    meaning: 'The server that sends mail, `smtp://` (with STARTTLS, unless it is on this machine or the URL ends with `?ignoreTLS=true`) or `smtps://`, with user and password; needs `PUBLIC_URL`.', otherwise: 'mails are written to files in `DATA_DIR/mail`', secret: 'password',
  },
  MAIL_FROM: { schema: z.string().max(300).default('Vitalgate <vitalgate@localhost>'), meaning: 'The sender of mails.', otherwise: '`Vitalgate <vitalgate@localhost>`', secret: 'no' },
  USER_GROUPS_FILE: { schema: z.string().optional(), meaning: 'A JSON file of user groups and the custom properties of their members.', otherwise: '`patient`, `clinician` and `operator`, without custom properties', secret: 'no' },
  USERINFO_ADDITIONAL_PROPERTIES: {
    schema: z.string().transform((text) => namesIn(text).filter((name) => name !== '')).optional(),
    meaning: 'The members of a user that `/userinfo` answers beside the claims, separated by commas; an empty text means none.', otherwise: 'all', secret: 'no',
  },
  CLIENT_TYPE: {
    schema: z.string().max(100).regex(/^[\x21-\x7e]+$/, 'has characters other than visible ASCII, which no header carries').default('website'),
    meaning: 'What the BFF sends as `client-type` at sign-in; for types other than `website` the User Manager may answer an access token instead of a cookie.', otherwise: '`website`', secret: 'no',
  },
  CUSTOM_USER_ID_KEY: { schema: z.string().max(100).optional(), meaning: 'The member of `/userinfo` that is the id of the patient.', otherwise: '`_id`, else `sub`', secret: 'no' },
  WEBHOOK_JWT_ISSUER: { schema: issuerUrl.optional(), meaning: 'An issuer of JWT, the claim `iss`, whose tokens open the webhook beside our own; needs `WEBHOOK_JWKS_URL` and `WEBHOOK_JWT_AUDIENCE`.', otherwise: 'none', secret: 'no' },
  WEBHOOK_JWKS_URL: { schema: keysUrl.optional(), meaning: 'Where the keys of that issuer are.', otherwise: 'none', secret: 'no' },
  WEBHOOK_JWT_AUDIENCE: { schema: z.string().max(500).optional(), meaning: 'The audience, the claim `aud`, that its tokens must be for.', otherwise: 'none', secret: 'no' },
  WEBHOOK_JWT_SCOPE: { schema: z.string().max(200).optional(), meaning: 'The scope that its tokens must have.', otherwise: 'none is asked for', secret: 'no' },
  WEBHOOK_JWT_SENDER: { schema: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/, 'is not lower-case letters, digits and -').default('medisante'), meaning: 'The sender that its tokens post as.', otherwise: '`medisante`', secret: 'no' },
  TLS_CERT: { schema: z.string().optional(), meaning: 'A file with the certificate and its chain, PEM: the services then speak TLS 1.2 or 1.3 alone. Read again when it changes.', otherwise: 'no TLS: a proxy does that', secret: 'no' },
  TLS_KEY: { schema: z.string().optional(), meaning: 'A file with the private key of `TLS_CERT`, PEM.', otherwise: 'none', secret: 'no' },
  TRUSTED_PROXIES: {
    schema: z.string().transform(namesIn).refine(areNetworks, 'is not a list of addresses and networks').default([]),
    meaning: 'Addresses and networks (CIDR) of the proxies in front, separated by commas: what they say in `X-Forwarded-Proto` and `X-Forwarded-For` counts.', otherwise: 'none; webhook credentials come over TLS to this process, or over loopback', secret: 'no',
  },
  USERID_HEADER_KEY: {
    schema: z.string().regex(/^[A-Za-z0-9-]{1,100}$/, 'is no name of a header').transform((name) => name.toLowerCase())
      .refine((name) => !meaningfulHeader.test(name), 'is a header that means something else').default('miauserid'),
    meaning: 'The header by which the BFF tells the Device Manager whose data it is.', otherwise: '`miauserid`', secret: 'no',
  },
} as const satisfies Readonly<Record<string, Setting>>;

export type SettingName = keyof typeof settings;
export const settingNames = Object.keys(settings) as readonly SettingName[];

type Shape = { readonly [Name in SettingName]: (typeof settings)[Name]['schema'] };
/** Reads all settings from texts at once. */
export const configSchema = z.object(Object.fromEntries(settingNames.map((name) => [name, settings[name].schema])) as unknown as Shape);

/** Every setting of the program, read once at start and passed on in parts. Secrets never leave it in a message. */
export type Config = Readonly<z.infer<typeof configSchema>>;
