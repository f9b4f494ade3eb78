import type { Logger } from 'pino';
import type { Pool } from '../database/pool.ts';
import type { KeyRing } from '../keys/scope-keys.ts';
import type { GaugeSource } from '../metrics/gauge.ts';
import type { Pace } from './domain/submission.ts';
import type { Normalizer } from './normalizing.ts';
import type { RetentionDays } from './retention.ts';
import type { Renormalizer } from './renormalization-runs.ts';
import type { RuleBook } from './rule-book.ts';
import type { TokenIssuer } from './sender-tokens.ts';

/** Where a Therapy and Monitoring Manager is, and how patient we are with it. */
export interface TherapyMonitoringSettings {
  readonly url: string;
  readonly token: string | undefined;
  readonly timeoutMs: number;
  readonly pace: Pace;
}

/** What the Device Manager stands on. */
export interface DeviceManagerDependencies {
  readonly pool: Pool;
  /** Connections of the jobs' own, so that requests cannot starve them. */
  readonly jobPool: Pool;
  readonly keyRing: KeyRing;
  /** Why keys cannot be opened with the master keys of this process; undefined when they can. */
  readonly masterKeyFault: () => Promise<string | undefined>;
  readonly log: Logger;
  readonly version: string;
  /** Accepted service credentials: the present one, and the previous one while rotating. */
  readonly serviceTokens: readonly string[];
  readonly userManagerUrl: string;
  /** The member of the User Manager's people that is the identifier of the patient, where it is not that of the account. */
  readonly customUserIdKey?: string | undefined;
  /** Whose JWT open the webhook. */
  readonly tokenIssuers: readonly TokenIssuer[];
  /** Addresses and networks of proxies whose word about TLS counts. */
  readonly trustedProxies: readonly string[];
  /** The header, in lower case, in which a service names the patient. */
  readonly userIdHeader: string;
  /** Where detections go; undefined where nothing is submitted. */
  readonly therapyMonitoring: TherapyMonitoringSettings | undefined;
  /** How many days an export of all of a patient can be downloaded. */
  readonly exportDays: number;
  readonly retentionDays: RetentionDays;
  /** The file that notes erasures apart from the database. */
  readonly erasureJournal: string;
  /** How many days backups are kept, as certificates of erasures say. */
  readonly backupDays: number;
  /** People reach the service by https, wherever TLS ends. */
  readonly isPublicHttps?: boolean;
  /** Names of the background jobs that run in this process. */
  readonly jobs: readonly string[];
  /** Figures of the process. */
  readonly gauges?: readonly GaugeSource[];
  readonly validateResponses?: boolean;
  readonly warmUp?: boolean;
}

/** What normalizes, and by which rules. */
export interface Normalization {
  readonly ruleBook: RuleBook;
  readonly normalizer: Normalizer;
  readonly renormalizer: Renormalizer;
}
