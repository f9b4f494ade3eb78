import { SaxesParser } from 'saxes';
import { createForbiddenFilter } from './forbidden-characters.ts';
import { ImportFault } from './import-fault.ts';

/** One element of an export, with what is inside. */
export interface ExportElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly ExportElement[];
}

interface Open extends ExportElement {
  readonly children: ExportElement[];
}

const MOST_DESCENDANTS = 200_000;

/** Puts the children of the root together one by one; nothing else is kept. */
const createCollector = () => {
  const parser = new SaxesParser();
  const open: Open[] = [];
  let depth = 0;
  let descendants = 0;
  let ready: ExportElement[] = [];
  parser.on('doctype', (text) => {
    if (/<!ENTITY/i.test(text)) throw new ImportFault('The export declares entities, which Apple Health never does.');
  });
  parser.on('opentag', ({ name, attributes }) => {
    depth += 1;
    if (depth === 1 && name !== 'HealthData') throw new ImportFault('The file is no export of Apple Health: its root is not HealthData.');
    if (depth === 1) return;
    if (depth === 2) descendants = 0;
    descendants += 1;
    if (descendants > MOST_DESCENDANTS || depth > 16) throw new ImportFault(`An element near line ${String(parser.line)} holds more than any of Apple Health does.`);
    open.push({ name, attributes, children: [] });
  });
  parser.on('closetag', () => {
    depth -= 1;
    const element = open.pop();
    if (!element) return;
    const parent = open.at(-1);
    if (parent) parent.children.push(element);
    else ready.push(element);
  });
  parser.on('error', () => {
    throw new ImportFault(`The XML is broken near line ${String(parser.line)}: export it again, or copy it again.`);
  });
  return {
    write: (text: string): ExportElement[] => {
      parser.write(text);
      const taken = ready;
      ready = [];
      return taken;
    },
    end: () => parser.close(),
  };
};

/**
 * The children of the root in their order, some at a time; memory stays flat however long the file is. Control characters in the names
 * of sources are left out: one would end the import of all that stands behind it.
 * @throws ImportFault with the line for XML that is broken, not UTF-8, or no export
 */
export async function* readExport(chunks: AsyncIterable<Buffer>): AsyncGenerator<readonly ExportElement[]> {
  const collector = createCollector();
  const filter = createForbiddenFilter();
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const decoded = (chunk?: Buffer): string => {
    try {
      return chunk ? decoder.decode(chunk, { stream: true }) : decoder.decode();
    } catch {
      throw new ImportFault('The file is not UTF-8 text.');
    }
  };
  for await (const chunk of chunks) {
    const elements = collector.write(filter.next(decoded(chunk)));
    if (elements.length > 0) yield elements;
  }
  yield collector.write(filter.next(decoded()) + filter.rest());
  collector.end();
}
