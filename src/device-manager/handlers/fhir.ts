import type { Call, Handlers } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import { actorOf, boundPatient, type Caller, type Operations } from '../caller.ts';
import { capabilityStatement } from '../domain/fhir/capabilities.ts';
import { deviceResource } from '../domain/fhir/device.ts';
import { writePlace } from '../domain/fhir/page-place.ts';
import type { FhirDevice, FhirObservation, FhirResource } from '../domain/fhir/resources.ts';
import type { ClinicalRecords } from '../clinical-records.ts';
import type { ObservationPage, ObservationQuery } from '../observations.ts';
import type { AuditEvent, ReadingEvent } from '../storage/audit-table.ts';
import type { DeviceSearch, SeenDevice } from '../storage/device-search.ts';
import { codesIn, cursorIn, datesIn, idsIn, patientIn, refuseQuery } from './fhir-query.ts';

export interface FhirDependencies {
  readonly version: string;
  readonly observations: (query: ObservationQuery) => Promise<ObservationPage>;
  readonly devices: (search: DeviceSearch) => Promise<SeenDevice[]>;
  readonly clinicalRecords: ClinicalRecords;
  readonly audit: (event: AuditEvent) => Promise<void>;
  readonly auditReading: (reading: ReadingEvent, patientIds: ReadonlySet<string>) => Promise<void>;
}

/** Operations that need no credential. */
export type OpenFhir = 'getCapabilityStatement';
type FhirOperation = 'getCapabilityStatement' | 'searchObservations' | 'readObservation' | 'searchDevices' | 'readDevice' | 'exportPatient';

const EXPORT_PAGE = 200;

type Searched = Readonly<Record<string, string | number | readonly string[] | undefined>>;

const addressOf = (base: string, query: Searched): string => {
  const parameters = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [value].flat().map((one): [string, string] => [name, String(one)])));
  return `${base}?${new URLSearchParams(parameters).toString()}`;
};

/** One page of a search; `next` is where the next one begins. */
const bundleOf = <Resource extends FhirObservation | FhirDevice>(base: string, query: Searched, resources: readonly Resource[], next: string | undefined) => {
  const link = [{ relation: 'self' as const, url: addressOf(base, query) }, ...(next === undefined ? [] : [{ relation: 'next' as const, url: addressOf(base, { ...query, _cursor: next }) }])];
  const entry = resources.map((resource) => ({ fullUrl: `${base}/${resource.id}`, resource, search: { mode: 'match' as const } }));
  return { resourceType: 'Bundle' as const, type: 'searchset' as const, link, ...(entry.length > 0 && { entry }) };
};

/** A device as this reader may see it: who else has it now is nobody's business. */
const seenBy = (reader: string | undefined, row: SeenDevice): FhirDevice =>
  deviceResource({
    _id: row._id, deviceId: row.device_id, deviceType: row.device_type, name: row.name ?? undefined, serialNumber: row.serial_number ?? undefined, held: row.patient_id !== null,
    holder: row.patient_id !== null && (reader === undefined || reader === row.patient_id) ? row.patient_id : undefined, updatedAt: row.updated_at.toISOString(),
  });

const lines = (resources: readonly (FhirDevice | FhirObservation | FhirResource)[]): string => resources.map((one) => `${JSON.stringify(one)}\n`).join('');

/** Every resource of a patient, one a line; of the Observations and clinical records those that `query` means. */
export async function* everythingOf(
  { observations, devices, clinicalRecords }: Pick<FhirDependencies, 'observations' | 'devices' | 'clinicalRecords'>, patientId: string, query: Omit<ObservationQuery, 'patientId' | 'count'> = {},
): AsyncGenerator<string> {
  let after: string | undefined;
  do {
    const rows = await devices({ everHeldBy: patientId, after, limit: EXPORT_PAGE });
    yield lines(rows.map((row) => seenBy(patientId, row)));
    after = rows.length === EXPORT_PAGE ? rows.at(-1)?._id : undefined;
  } while (after !== undefined);
  let from: ObservationQuery['from'];
  do {
    const page = await observations({ ...query, patientId, count: EXPORT_PAGE, from });
    yield lines(page.observations);
    from = page.next;
  } while (from !== undefined);
  for await (const resources of clinicalRecords({ patientId, measured: query.measured, updated: query.updated })) for (const resource of resources) yield lines([resource]);
}

const deviceId = /^[0-9a-f]{32}$/;

const deviceHandlers = ({ devices }: FhirDependencies) => ({
  searchDevices: async ({ caller, query, origin }: Call<Operations['searchDevices'], Caller>) => {
    const { _id, _count = 50, _cursor, ...rest } = query;
    const ids = idsIn(_id)?.filter((id) => deviceId.test(id));
    const holder = patientIn(caller, query.patient, ids !== undefined);
    if (_cursor !== undefined && !deviceId.test(_cursor)) throw refuseQuery('_cursor', 'invalid-cursor', 'Follow the link next as it is.');
    const rows = await devices({ holder, ids, after: _cursor, limit: _count + 1 });
    const shown = rows.slice(0, _count);
    const next = rows.length > _count ? shown.at(-1)?._id : undefined;
    return { status: 200 as const, body: bundleOf(`${origin}/fhir/Device`, { ...rest, _id, _count }, shown.map((row) => seenBy(boundPatient(caller), row)), next) };
  },
  readDevice: async ({ caller, path }: Call<Operations['readDevice'], Caller>) => {
    const reader = boundPatient(caller);
    const [row] = deviceId.test(path.id) ? await devices({ ids: [path.id], everHeldBy: reader, limit: 1 }) : [];
    if (!row) throw problem('not-found');
    return { status: 200 as const, body: seenBy(reader, row) };
  },
});

const observationHandlers = ({ observations, audit, auditReading }: FhirDependencies) => ({
  searchObservations: async ({ caller, query, origin, requestId }: Call<Operations['searchObservations'], Caller>) => {
    const { _count = 50, _cursor, ...rest } = query;
    const ids = idsIn(query._id);
    const patientId = patientIn(caller, query.patient, ids !== undefined);
    const wanted = {
      patientId, ids, codes: codesIn(query.code), measured: datesIn('date', query.date), updated: datesIn('_lastUpdated', query._lastUpdated), from: cursorIn(_cursor), count: _count,
    };
    const page = await observations(wanted);
    const seen = patientId === undefined ? page.observations.flatMap(({ subject }) => subject.identifier?.value ?? []) : [patientId];
    await auditReading({ actor: actorOf(caller), resource: 'fhir/Observation', requestId }, new Set(seen));
    return { status: 200 as const, body: bundleOf(`${origin}/fhir/Observation`, { ...rest, _count }, page.observations, page.next && writePlace(page.next)) };
  },
  readObservation: async ({ caller, path, requestId }: Call<Operations['readObservation'], Caller>) => {
    const patientId = boundPatient(caller);
    const { observations: [one] } = await observations({ patientId, ids: [path.id], count: 1 });
    if (!one) throw problem('not-found');
    await audit({ patientId: one.subject.identifier?.value, actor: actorOf(caller), action: 'read', resource: `fhir/Observation/${one.id}`, requestId });
    return { status: 200 as const, body: one };
  },
});

/** Normalized values as FHIR R4. */
export const fhir = (dependencies: FhirDependencies): Pick<Handlers<Operations, Caller, OpenFhir>, FhirOperation> => ({
  ...observationHandlers(dependencies),
  ...deviceHandlers(dependencies),
  getCapabilityStatement: ({ origin }) => ({ status: 200, body: capabilityStatement(dependencies.version, `${origin}/fhir`) }),
  exportPatient: async ({ caller, path, query, requestId }) => {
    const patientId = patientIn(caller, path.id, false) ?? path.id;
    const measured = [...(datesIn('start', query.start === undefined ? undefined : [`ge${query.start}`]) ?? []), ...(datesIn('end', query.end === undefined ? undefined : [`le${query.end}`]) ?? [])];
    const updated = datesIn('_since', query._since === undefined ? undefined : [`ge${query._since}`]);
    await dependencies.audit({ patientId, actor: actorOf(caller), action: 'read', resource: 'fhir/Patient/$everything', requestId });
    return { status: 200, body: everythingOf(dependencies, patientId, { measured, updated }) };
  },
});
