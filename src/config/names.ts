import { distance } from 'fastest-levenshtein';
import { settingNames, type SettingName } from './settings.ts';

/** Names a file of settings; it is no setting itself. */
export const fileVariable = 'VITALGATE_CONFIG';

const postgres = 'data lives in PostgreSQL (DATABASE_URL)';
const ownTables = `there is no CRUD service, ${postgres}`;
const ownAccounts = 'the User Manager keeps accounts and sessions itself';
const tmmPaths = 'the paths of a Therapy and Monitoring Manager are those of its contract, under TMM_SERVICE_URL';
const noGateway = 'there is no gateway, the BFF asks the services directly';

/** Names of the original system that mean nothing here, and why. */
export const originalNames: Readonly<Record<string, string>> = {
  MONGODB_URL: postgres,
  CRUD_SERVICE: ownTables,
  CRUD_SERVICE_URL: ownTables,
  CRUD_DEVICES_ENDPOINT: ownTables,
  CRUD_HEALTH_DATA_ENDPOINT: ownTables,
  CRUD_HEALTH_DATA_TYPE_ENDPOINT: 'the types of health data and their rules come with the program',
  USERS_CRUD_ENDPOINT: ownTables,
  UMS_CONFIG_CRUD_ENDPOINT: 'user groups are in the file of USER_GROUPS_FILE',
  DATA_ACQUISITION_JOB_COLLECTION: 'jobs are in the database, and JOBS chooses which run here',
  JOBS_COLLECTION_NAME: 'jobs are in the database, and JOBS chooses which run here',
  AUTH_MODULE: ownAccounts,
  AUTH_SERVICE: ownAccounts,
  AUTH_CONNECTION: ownAccounts,
  TMM_MONITORINGS_ENDPOINT: tmmPaths,
  TMM_DETECTIONS_ENDPOINT: tmmPaths,
  TMM_PROTOTYPES_ENDPOINT: tmmPaths,
  REDIS_HOSTS: 'nothing here needs Redis',
  MICROSERVICE_GATEWAY_SERVICE_NAME: noGateway,
  GROUPS_HEADER_KEY: noGateway,
  CLIENTTYPE_HEADER_KEY: noGateway,
  BACKOFFICE_HEADER_KEY: noGateway,
  USER_PROPERTIES_HEADER_KEY: noGateway,
};

/** Variables of systems, shells and their tools that look like one of ours. */
const ofTheSystem = new Set(['HOME', 'HOSTNAME', 'HOSTTYPE', 'HOSTS', 'PORT', 'POST', 'LANG', 'JOB', 'LOG_LEVELS', 'LOGLEVEL', 'DATADIR', 'SERVICE', 'HTTP_HOST', 'HTTP_PROXY', 'HTTPS_PORT', 'HTTP_URL']);

const prefix = 'VITALGATE_';
const isSetting = (name: string): name is SettingName => (settingNames as readonly string[]).includes(name);

/** The name that a wrong one meant; undefined when none is near. */
const meant = (name: string): string | undefined => {
  const plain = name.toUpperCase().replaceAll('-', '_');
  const edits = (known: string) => Math.min(distance(plain, known), distance(plain.replace(prefix, ''), known));
  const [best] = [...settingNames, fileVariable].map((known) => ({ known, edits: edits(known) })).toSorted((a, b) => a.edits - b.edits);
  return best && best.edits <= (best.known.length < 6 ? 1 : 2) ? best.known : undefined;
};

const wrong = (name: string, setting: string | undefined): string => `${name} is no setting${setting === undefined ? '' : `; did you mean ${setting}?`}`;
const original = (name: string): string | undefined =>
  Object.hasOwn(originalNames, name) ? `${name} of the original system has no meaning here: ${originalNames[name] ?? ''}` : undefined;

/** What is wrong with a name in a file of settings, where every name must be one; undefined for a setting. */
export const mistakeInFile = (name: string): string | undefined => {
  if (isSetting(name)) return undefined;
  return name === fileVariable ? `${name} belongs into the environment: it names this file` : (original(name) ?? wrong(name, meant(name)));
};

/** What is worth a notice about a name in the environment, which is full of names that are not ours; undefined for most. */
export const noticeInEnvironment = (name: string): string | undefined => {
  if (isSetting(name) || name === fileVariable || ofTheSystem.has(name)) return undefined;
  const setting = meant(name);
  return original(name) ?? (name.startsWith(prefix) || setting !== undefined ? wrong(name, setting) : undefined);
};
