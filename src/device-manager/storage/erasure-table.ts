import type { Queryable } from '../../database/pool.ts';

/** What an erasure answers for when it is done; see ErasureCertificate in the specification. */
export type Certificate = Readonly<Record<string, unknown>>;

/** The erasure of one patient; its identifier as 32 hexadecimal digits. */
export interface Erasure {
  readonly _id: string;
  /** Stands for the patient in the erasure journal: the key of the installation makes it. */
  readonly pseudonym: Buffer;
  /** Stands for the patient in the audit of all services: random. */
  readonly audit_pseudonym: string;
  /** Null once it is done. */
  readonly patient_id: string | null;
  readonly state: 'running' | 'done';
  readonly creator: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly destroyed_keys: readonly string[];
  readonly requested_at: Date;
  readonly finished_at: Date | null;
  readonly certificate: Certificate | null;
}

const columns = `replace(_id::text, '-', '') as _id, pseudonym, audit_pseudonym, patient_id, state, creator, counts, destroyed_keys, requested_at, finished_at, certificate`;

/** Notes an erasure; the one that is known of the same pseudonym is answered as it is. */
export const insertErasure = async (
  db: Queryable, erasure: Pick<Erasure, '_id' | 'pseudonym' | 'audit_pseudonym' | 'creator' | 'requested_at'> & { readonly patientId: string },
): Promise<{ readonly erasure: Erasure; readonly isNew: boolean }> => {
  const { _id, pseudonym, audit_pseudonym: auditPseudonym, patientId, creator, requested_at: requestedAt } = erasure;
  const { rows } = await db.query<Erasure>(
    `insert into device_manager.erasure (_id, pseudonym, audit_pseudonym, patient_id, creator, requested_at) values ($1::uuid, $2, $3, $4, $5, $6)
     on conflict (pseudonym) do nothing returning ${columns}`,
    [_id, pseudonym, auditPseudonym, patientId, creator, requestedAt],
  );
  if (rows[0]) return { erasure: rows[0], isNew: true };
  const known = await erasureOf(db, pseudonym);
  if (!known) throw new Error('An erasure vanished while it was noted.');
  return { erasure: known, isNew: false };
};

/** The erasure of a pseudonym. */
export const erasureOf = async (db: Queryable, pseudonym: Buffer): Promise<Erasure | undefined> =>
  (await db.query<Erasure>(`select ${columns} from device_manager.erasure where pseudonym = $1`, [pseudonym])).rows[0];

/** An erasure by its identifier. */
export const readErasure = async (db: Queryable, _id: string): Promise<Erasure | undefined> =>
  (await db.query<Erasure>(`select ${columns} from device_manager.erasure where _id = $1::uuid`, [_id])).rows[0];

/** What is left of somebody who was erased. */
export type Gravestone = Pick<Erasure, 'pseudonym' | 'requested_at'>;

/** Of everybody who was erased, the first first: also of those of whom a journal alone told, because there was nothing of them. */
export const allGravestones = async (db: Queryable): Promise<Gravestone[]> =>
  (
    await db.query<Gravestone>(
      `select pseudonym, requested_at from device_manager.erasure
       union all select pseudonym, erased_at from device_manager_keys.erased_scope gravestone where not exists (select from device_manager.erasure e where e.pseudonym = gravestone.pseudonym)
       order by requested_at, pseudonym`,
    )
  ).rows;

/**
 * Takes away, and answers, the notes that no keys are made for somebody, where these tables know nothing of the erasure: the notes are younger
 * than the tables, which may have all of them again.
 */
export const takeYoungerGravestones = async (db: Queryable): Promise<Gravestone[]> =>
  (
    await db.query<Gravestone>(
      `delete from device_manager_keys.erased_scope gravestone where not exists (select from device_manager.erasure e where e.pseudonym = gravestone.pseudonym)
       returning pseudonym, erased_at as requested_at`,
    )
  ).rows;

/** Adds to what was counted, in the transaction that erased it. */
export const addCounts = async (db: Queryable, _id: string, counts: Readonly<Record<string, number>>): Promise<void> => {
  const found = Object.entries(counts).filter(([, count]) => count > 0);
  if (found.length === 0) return;
  await db.query(
    `update device_manager.erasure set counts = counts || (
       select jsonb_object_agg(kind, coalesce((counts->>kind)::bigint, 0) + added) from unnest($2::text[], $3::bigint[]) as t(kind, added))
     where _id = $1::uuid`,
    [_id, found.map(([kind]) => kind), found.map(([, count]) => count)],
  );
};

/** Adds fingerprints of keys that were destroyed. */
export const addDestroyedKeys = async (db: Queryable, _id: string, fingerprints: readonly string[]): Promise<void> => {
  if (fingerprints.length > 0) await db.query('update device_manager.erasure set destroyed_keys = destroyed_keys || $2::text[] where _id = $1::uuid', [_id, fingerprints]);
};

/** Ends an erasure: who it was is forgotten; false when it was ended before. */
export const finishErasure = async (db: Queryable, _id: string, finishedAt: Date, certificate: Certificate): Promise<boolean> =>
  (
    await db.query(
      `update device_manager.erasure set state = 'done', patient_id = null, finished_at = $2, certificate = $3 where _id = $1::uuid and state = 'running'`, [_id, finishedAt, JSON.stringify(certificate)],
    )
  ).rowCount === 1;
