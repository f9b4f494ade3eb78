import { measurementsOf } from './measurements.ts';
import { documentOf, readingFrom, type FhirReading } from './observation.ts';
import type { Resolve, Way } from './reference.ts';
import { hasUnknownModifier, listIn, resourceIn, textIn, type Entry, type Resource } from './resource.ts';

const pointer = '/measurements/documents/ecgReportBase64PDF';

const formOf = (report: Resource): { data: string; at: string } | undefined => {
  const forms = listIn(report['presentedForm']);
  const index = forms.findIndex(({ data }) => typeof data === 'string');
  const data = forms[index]?.['data'];
  return typeof data === 'string' ? { data, at: `/presentedForm/${String(index)}/data` } : undefined;
};

/** Observations of which an excerpt from before it told what was contained has only the id, by the reference of a result to them. */
const cutOut = (entries: readonly Entry[]): ReadonlyMap<string, readonly Entry[]> =>
  Map.groupBy(entries.filter(({ fullUrl, resource }) => fullUrl === undefined && resource['resourceType'] === 'Observation'), ({ resource }) => `#${textIn(resource['id']) ?? ''}`);

/** The electrocardiogram a report is about: one of its results. */
const aboutIn = (readings: readonly FhirReading[], report: Entry, resultOf: (result: Resource) => Resource | undefined): FhirReading | undefined => {
  const results = new Set(listIn(report.resource['result']).flatMap((result) => resultOf(result) ?? []));
  return readings.find(({ received, measurementType }) => measurementType === 'ECG' && results.has(received as Resource));
};

const withDocument = (reading: FhirReading, report: Entry, position: number, form: { data: string; at: string }): FhirReading => {
  const document = resourceIn(reading.document);
  const moved = Object.fromEntries(Object.entries(reading.sources ?? {}).map(([from, to]) => [from, `/0${to}`]));
  return {
    ...reading, received: [reading.received, report.resource], positions: [...reading.positions, position], sources: { ...moved, [pointer]: `/1${form.at}` },
    document: { ...document, measurements: { ...resourceIn(document['measurements']), documents: { ecgReportBase64PDF: form.data } } },
    ...(hasUnknownModifier(report.resource) && { unfit: 'unknown-modifier' as const }),
  };
};

const alone = (report: Entry, position: number, resolve: Resolve, form: { data: string; at: string }): FhirReading => {
  const { resource } = report;
  const { type, name } = measurementsOf({ code: resource['code'], status: resource['status'] });
  const measured = { type, name, metrics: { documents: { ecgReportBase64PDF: form.data } }, annotations: {}, sources: { [pointer]: form.at }, half: undefined };
  const reading = readingFrom(resource, report, position, resolve, measured);
  return { ...reading, document: documentOf(measured, { outer: undefined, inner: undefined, timestamp: reading.measuredAt?.text }) };
};

/**
 * Adds the documents of reports: to the electrocardiogram among its results, else as a reading of its own. A report without a document
 * adds nothing, for its results are readings themselves.
 */
export const addReports = (readings: readonly FhirReading[], entries: readonly Entry[], resolve: Resolve, way: Way): FhirReading[] => {
  let all = [...readings];
  const loose = way === 'now' ? cutOut(entries) : new Map<string, Entry[]>();
  const looseResult = ({ reference }: Resource): Resource | undefined => {
    const [found, ...others] = loose.get(textIn(reference) ?? '') ?? [];
    return others.length === 0 ? found?.resource : undefined;
  };
  for (const [position, entry] of entries.entries()) {
    const form = entry.resource['resourceType'] === 'DiagnosticReport' ? formOf(entry.resource) : undefined;
    if (form === undefined) continue;
    const about = aboutIn(all, entry, (result) => resolve(result, entry)?.resource ?? looseResult(result));
    all = about ? all.map((one) => (one === about ? withDocument(one, entry, position, form) : one)) : [...all, alone(entry, position, resolve, form)];
  }
  return all.sort((a, b) => (a.positions[0] ?? 0) - (b.positions[0] ?? 0));
};
