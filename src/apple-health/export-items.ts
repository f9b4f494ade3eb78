import type { ExportArchive } from './archive.ts';
import { itemsOfElement, type ImportedElement, type ImportedItem } from './export-item.ts';
import { ImportFault } from './import-fault.ts';
import { readExport, type ExportElement } from './export-reader.ts';
import { pointsOfRoute } from './route.ts';

const PRESSURE = /^HKQuantityTypeIdentifierBloodPressure(Systolic|Diastolic)$/;

const isPressure = ({ name, attributes }: ExportElement): boolean => name === 'Record' && PRESSURE.test(attributes['type'] ?? '');
const keyOf = ({ attributes: { type, sourceName, startDate, endDate, value } }: ExportElement): string => JSON.stringify([type, sourceName, startDate, endDate, value]);

/**
 * Leaves out the pressures that stand in a correlation and once more beside it, whichever comes first; of equal ones as many as stand in
 * correlations. Those beside them wait until the end; a person has a few thousand of them.
 */
const createPairing = () => {
  const [waiting, paired] = [new Map<string, ExportElement[]>(), new Map<string, number>()];
  const pair = (key: string): void => {
    if (waiting.get(key)?.pop() === undefined) paired.set(key, (paired.get(key) ?? 0) + 1);
  };
  const wait = (key: string, element: ExportElement): void => {
    const left = paired.get(key) ?? 0;
    const others = waiting.get(key);
    if (left > 0) paired.set(key, left - 1);
    else if (others) others.push(element);
    else waiting.set(key, [element]);
  };
  return {
    take: (element: ExportElement): readonly ExportElement[] => {
      if (element.name === 'Correlation') {
        element.children.filter(isPressure).map(keyOf).forEach(pair);
        return [element];
      }
      if (!isPressure(element)) return [element];
      wait(keyOf(element), element);
      return [];
    },
    rest: (): readonly ExportElement[] => [...waiting.values()].flat(),
  };
};

const resourceIn = (bytes: Buffer): unknown => {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new ImportFault('A clinical record of the archive is broken JSON: export again.');
  }
};

/**
 * A clinical record whose resource is not there is left out, and told as missing: it says nothing without, and would stay beside the one
 * that the whole archive brings.
 */
const withFiles = async ({ item, routes, resource }: ImportedElement, { fileNamed }: ExportArchive): Promise<ImportedItem | undefined> => {
  const points = [];
  for (const path of routes) points.push(pointsOfRoute(await fileNamed(path)));
  const route = points.flat();
  const fhir = resource === undefined ? undefined : await fileNamed(resource);
  if (resource !== undefined && fhir === undefined) return undefined;
  return { ...item, ...(route.length > 0 && { route }), ...(fhir && { fhirData: resourceIn(fhir) }) };
};

/** All items of an export in their order, some at a time. Two readings of one file give the same. */
export async function* itemsOfExport(archive: ExportArchive, onRead: (bytes: number) => void = () => undefined): AsyncGenerator<readonly ImportedItem[]> {
  const pairing = createPairing();
  let exportDate: string | undefined;
  async function* counted() {
    for await (const chunk of archive.chunks()) {
      onRead(chunk.length);
      yield chunk;
    }
  }
  const itemsOf = async (elements: readonly ExportElement[]): Promise<ImportedItem[]> => {
    const items: ImportedItem[] = [];
    for (const element of elements) {
      for (const one of itemsOfElement(element, exportDate)) {
        const whole = one.routes.length > 0 || one.resource !== undefined ? await withFiles(one, archive) : one.item;
        if (whole) items.push(whole);
      }
    }
    return items;
  };
  for await (const elements of readExport(counted())) {
    exportDate ??= elements.find(({ name }) => name === 'ExportDate')?.attributes['value'];
    yield await itemsOf(elements.flatMap(pairing.take));
  }
  yield await itemsOf(pairing.rest());
}
