/** Time and memory that the XML gate takes for hostile and for large bodies: `npm run bench -- xml-gate`. */
import { readXmlInSlices, XmlFault } from '../src/xml/xml-gate.ts';

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

for (const [name, bodyOf] of Object.entries(bodies)) {
  const bytes = Buffer.from(bodyOf());
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
    verdict = error instanceof XmlFault ? error.message : `BROKEN: ${String(error)}`;
  }
  const [ms, heap] = [performance.now() - started, Math.max(most, process.memoryUsage().heapUsed) - before.heapUsed];
  console.log(`${name}: ${verdict}; ${(bytes.length / MiB).toFixed(1)} MiB, ${ms.toFixed(1)} ms, longest slice ${longest.toFixed(1)} ms, heap +${(heap / MiB).toFixed(0)} MiB`);
}
