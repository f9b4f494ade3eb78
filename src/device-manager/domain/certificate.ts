/** JSON with sorted members and without spaces, so that equal values are equal texts. */
export const canonicalJson = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).filter(([, member]) => member !== undefined).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join(',')}}`;
};

/** What an erasure was, when it is done; instants as ISO 8601. */
export interface Erased {
  readonly erasureId: string;
  readonly pseudonym: string;
  readonly auditPseudonym: string;
  readonly requestedAt: Date;
  readonly finishedAt: Date;
  readonly requestedBy: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly destroyedKeys: readonly string[];
  readonly heldElsewhere: { readonly therapyMonitoring: number };
  readonly storage: { readonly rewritten: readonly string[]; readonly notRewritten: readonly string[]; readonly logReplaced: boolean };
  /** How many days backups are kept. */
  readonly backupDays: number;
}

const DAY_MS = 86_400_000;

/** The certificate of an erasure but for its digest, which is that of its canonical JSON. */
export const certificateOf = ({ backupDays, requestedAt, finishedAt, ...rest }: Erased): Readonly<Record<string, unknown>> => ({
  version: 1, ...rest, requestedAt: requestedAt.toISOString(), finishedAt: finishedAt.toISOString(),
  backups: { until: new Date(finishedAt.getTime() + backupDays * DAY_MS).toISOString(), days: backupDays },
});
