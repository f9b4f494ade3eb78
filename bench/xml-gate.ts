import { readXmlInSlices, XmlFault } from '../src/xml/xml-gate.ts';
import type { Benchmark, Findings } from './setup/benchmark.ts';

const MiB = 1024 * 1024;
const fill = (unit: string, bytes = 10 * MiB): string => unit.repeat(Math.floor(bytes / unit.length));

const bodies: Readonly<Record<string, () => string>> = {
  'external entity': () => '<!DOCTYPE m [<!ENTITY x SYSTEM "file:///etc/hostname">]><m>&x;</m>',
  'entity expansion': () => `<!DOCTYPE m [<!ENTITY a "${fill('a', MiB)}">]><m>${fill('&a;', MiB)}</m>`,
  '10,000 levels': () => '<a>'.repeat(10_000),
  'DOCTYPE behind 10 MiB of comment': () => `<!--${fill('- ')}--><!DOCTYPE m><m/>`,
  'many comments': () => `<m>${fill('<!---->')}</m>`,
  'many CDATA sections': () => `<m>${fill('<![CDATA[]]>')}</m>`,
  'many references in text': () => `<m>${fill('&#65;')}</m>`,
  'many elements': () => `<m>${fill('<a/>')}</m>`,
  'many elements with end tags': () => `<m>${fill('<a></a>')}</m>`,
  'many attributes': () => `<m ${Array.from({ length: 700_000 }, (_, i) => `a${String(i)}=""`).join(' ')}/>`,
  'attributes in many elements': () => `<m>${fill(`<a ${Array.from({ length: 60 }, (_, i) => `a${String(i)}=""`).join(' ')}/>`)}</m>`,
  'one open tag': () => `<m ${fill('a')}`,
  'one open attribute': () => `<m a="${fill('a')}`,
  'line ends in an attribute': () => `<m a="${fill('\n')}"/>`,
  'carriage returns': () => `<m>${fill('\r')}</m>`,
  'unclosed comment': () => `<!--${fill('-a')}`,
  'unclosed brackets': () => `<m>${fill(']')}`,
  'one reference without end': () => `<m>&${fill('a')}`,
  'NUL at the end': () => `<m>${fill('a')}\0</m>`,
  'a well-formed document of 10 MiB in one text': () => `<m>${fill('a', 10 * MiB - 7)}</m>`,
  'a well-formed document of 10 MiB in one attribute': () => `<m a="${fill('a', 10 * MiB - 12)}"/>`,
  'a well-formed document of 50,000 elements': () => `<m>${'<a b="1"/>\n'.repeat(49_999)}</m>`,
};

const judge = (name: string, bytes: Buffer): string[] => {
  globalThis.gc?.();
  const before = process.memoryUsage();
  let [most, verdict, longest, last] = [0, 'accepted', 0, performance.now()];
  const started = last;
  try {
    for (const reading = readXmlInSlices(bytes); reading.next().done !== true; ) {
      const now = performance.now();
      longest = Math.max(longest, now - last);
      most = Math.max(most, process.memoryUsage().heapUsed);
      last = performance.now();
    }
  } catch (error) {
    if (!(error instanceof XmlFault)) throw error;
    verdict = error.message;
  }
  const [ms, heap] = [performance.now() - started, Math.max(most, process.memoryUsage().heapUsed) - before.heapUsed];
  return [name, (bytes.length / MiB).toFixed(1), `\`${verdict}\``, ms.toFixed(1), longest.toFixed(1), (heap / MiB).toFixed(0)];
};

const run = (): Promise<Findings> => {
  const rows = Object.entries(bodies).map(([name, body]) => judge(name, Buffer.from(body())));
  return Promise.resolve({ figures: [], table: [['document', 'MiB', 'verdict', 'ms', 'longest slice, ms', 'growth of the heap, MiB'], ...rows] });
};

/** What hostile and large documents cost. */
export const benchmark: Benchmark = {
  title: 'Refusing XML',
  about: `Gives the gate hostile and large documents, each once: the time to the verdict, the longest that nothing else had its turn, and how much the heap grew meanwhile.`,
  run,
};
