import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { SaxesParser } from 'saxes';
import { readXml, readXmlInSlices, XmlFault, xmlLimits, type XmlElement } from '../../src/xml/xml-gate.ts';
import { leastProcessorMs } from '../setup/processor-time.ts';
import '../setup/seed.ts';

const faultOf = (document: Buffer | string): string => {
  try {
    readXml(Buffer.from(document as string));
  } catch (error) {
    if (error instanceof XmlFault) return `${error.code} ${String(error.line)}`;
    throw error;
  }
  return 'accepted';
};

const nested = (levels: number): string => '<a>'.repeat(levels) + '</a>'.repeat(levels);
const laughs = Array.from({ length: 10 }, (_, i) => `<!ENTITY l${String(i + 1)} "${`&l${String(i)};`.repeat(10)}">`).join('\n');
const withDoctype = '<?xml version="1.0"?>\n<!DOCTYPE m [<!ENTITY x SYSTEM "file:///nonexistent-canary">]>\n<m>&x;</m>';

describe('refused documents, by code and line', () => {
  test.each<[string, Buffer | string, string]>([
    ['an external entity', withDoctype, 'forbidden-doctype 2'],
    ['a billion laughs', `<!DOCTYPE m [<!ENTITY l0 "ha">\n${laughs}]><m>&l10;</m>`, 'forbidden-doctype 1'],
    ['an external DTD', '<!DOCTYPE m SYSTEM "http://127.0.0.1:9/x.dtd"><m/>', 'forbidden-doctype 1'],
    ['a parameter entity', '<!DOCTYPE m [<!ENTITY % p SYSTEM "http://127.0.0.1:9/">%p;]><m/>', 'forbidden-doctype 1'],
    ['a DOCTYPE in lower case', '<!doctype m><m/>', 'forbidden-doctype 1'],
    ['a DOCTYPE behind a byte order mark', `\ufeff${withDoctype}`, 'forbidden-doctype 2'],
    ['a DOCTYPE behind comments that speak of one', '<!-- <!DOCTYPE m> -->\n<!-- -->\n<!DOCTYPE m><m/>', 'forbidden-doctype 3'],
    ['a DOCTYPE behind a comment that seems to open in a processing instruction', '<?x <!-- ?><!DOCTYPE m><m>--></m>', 'malformed-xml 1'],
    ['a DOCTYPE inside of the root', '<m>\n<!DOCTYPE m></m>', 'forbidden-doctype 2'],
    ['an entity declaration without DOCTYPE', '<!ENTITY x "y"><m>&x;</m>', 'forbidden-doctype 1'],
    ['UTF-16 with byte order mark and DOCTYPE', Buffer.from(`\ufeff${withDoctype}`, 'utf16le'), 'not-utf8 1'],
    ['UTF-16, low byte first, without byte order mark', Buffer.from(withDoctype, 'utf16le'), 'not-utf8 1'],
    ['UTF-16, high byte first, without byte order mark', Buffer.from('<m/>', 'utf16le').swap16(), 'not-utf8 1'],
    ['Latin-1 that says so', Buffer.from('<?xml version="1.0" encoding="ISO-8859-1"?><m>\xb0C</m>', 'latin1'), 'not-utf8 1'],
    ['ASCII that says it were Latin-1', '<?xml version="1.0" encoding="ISO-8859-1"?><m/>', 'not-utf8 1'],
    ['Latin-1 that says it were UTF-8', Buffer.from('<?xml version="1.0" encoding="UTF-8"?><m>\xb0C</m>', 'latin1'), 'not-utf8 1'],
    ['UTF-7 that hides a DOCTYPE', '+ADwAIQ-DOCTYPE m+AD4-<m/>', 'malformed-xml 1'],
    ['nothing', '', 'malformed-xml 1'],
    ['white space only', ' \n', 'malformed-xml 2'],
    ['text only', 'hello', 'malformed-xml 1'],
    ['JSON', '{"a":1}', 'malformed-xml 1'],
    ['an element without end', '<m>\n<a>', 'malformed-xml 2'],
    ['a wrong end tag', '<m>\n<a></b></m>', 'malformed-xml 2'],
    ['two roots', '<m/>\n<m/>', 'malformed-xml 2'],
    ['text behind the root', '<m/>\nx', 'malformed-xml 1'],
    ['a CDATA section outside of the root', '<m/><![CDATA[ ]]>', 'malformed-xml 1'],
    ['a processing instruction', '<?php x ?><m/>', 'malformed-xml 1'],
    ['a processing instruction inside of the root', '<m>\n<?x y?></m>', 'malformed-xml 2'],
    ['an XML declaration that is not the first', ' <?xml version="1.0"?><m/>', 'malformed-xml 1'],
    ['an XML declaration without end', '<?xml version="1.0" ><m x="?>"/>', 'malformed-xml 1'],
    ['an attribute twice', '<m a="1" a="2"/>', 'malformed-xml 1'],
    ['an attribute twice by two prefixes', '<m xmlns:a="urn:x" xmlns:b="urn:x" a:c="1" b:c="2"/>', 'malformed-xml 1'],
    ['a prefix without namespace', '<m><x:a/></m>', 'malformed-xml 1'],
    ['an attribute without quotes', '<m a=1/>', 'malformed-xml 1'],
    ['an attribute without end', '<m a="1>', 'malformed-xml 1'],
    ['a less-than sign in an attribute', '<m a="<"/>', 'malformed-xml 1'],
    ['a less-than sign in a long attribute', `<m a="${'x'.repeat(100)}<"/>`, 'malformed-xml 1'],
    ['an unknown entity', '<m>&nbsp;</m>', 'malformed-xml 1'],
    ['an unknown entity in a long attribute', `<m a="${'x'.repeat(100)}&nbsp;"/>`, 'malformed-xml 1'],
    ['a bare ampersand', '<m>a & b</m>', 'malformed-xml 1'],
    ['a reference to NUL', '<m>&#0;</m>', 'malformed-xml 1'],
    ['a reference to half a surrogate pair', '<m>&#xd83d;</m>', 'malformed-xml 1'],
    ['a reference beyond Unicode', '<m>&#x110000;</m>', 'malformed-xml 1'],
    ['the end of CDATA in text', '<m>]]></m>', 'malformed-xml 1'],
    ['a comment with two hyphens', '<m><!-- a -- b --></m>', 'malformed-xml 1'],
    ['a comment without end', '<m><!-- </m>', 'malformed-xml 1'],
    ['a raw NUL', '<m>\n\0</m>', 'invalid-text 2'],
    ['a raw control character', '<m>\x0b</m>', 'invalid-text 1'],
    ['a code point that is none', '<m>\uffff</m>', 'invalid-text 1'],
    ['the code point the gate cuts with', '<m a="\ufdd00"/>', 'invalid-text 1'],
    ['33 levels', nested(33), 'too-deep 1'],
    ['10,000 levels', '<a>\n'.repeat(10_000), 'too-deep 33'],
    ['one element too many', `<m>${'<a/>'.repeat(50_000)}</m>`, 'too-many-elements 1'],
    ['one attribute too many', `<m ${Array.from({ length: 65 }, (_, i) => `a${String(i)}=""`).join(' ')}/>`, 'too-many-elements 1'],
    ['many elements with many attributes', `<m>${`<a ${Array.from({ length: 60 }, (_, i) => `a${String(i)}=""`).join(' ')}/>`.repeat(1300)}</m>`, 'too-many-elements 1'],
    ['more comments than elements may be', `<m>${'<!---->'.repeat(50_000)}</m>`, 'too-many-elements 1'],
    ['hundreds of thousands of references', `<m>${'&amp;'.repeat(200_001)}</m>`, 'too-many-elements 1'],
    ['a name of a megabyte', `<${'a'.repeat(1024 * 1024)}/>`, 'too-many-elements 1'],
    ['an element called __proto__', '<m><__proto__ a="1"/></m>', 'forbidden-key 1'],
    ['an element called constructor, with a prefix', '<m xmlns:x="urn:x"><x:constructor/></m>', 'forbidden-key 1'],
    ['an attribute called prototype', '<m prototype="1"/>', 'forbidden-key 1'],
    ['a prefix called __proto__', '<m xmlns:__proto__="urn:x"/>', 'forbidden-key 1'],
  ])('%s', (_situation, document, expected) => {
    expect(faultOf(document)).toBe(expected);
  });

  test('and the fault never says what stood there', () => {
    const canary = 'canary-90210';
    for (const document of [`<m>&${canary};</m>`, `<m><${canary}></m>`, `<m ${canary}=1/>`, `<!DOCTYPE ${canary}>`]) {
      expect(faultOf(document)).not.toBe('accepted');
      expect(() => readXml(Buffer.from(document))).not.toThrow(canary);
    }
  });
});

const only = (document: string): XmlElement => readXml(Buffer.from(document));
const textOf = (document: string): string => only(document).children.map(String).join('');

describe('accepted documents', () => {
  test('elements by name and namespace, attributes as written, text where it stood', () => {
    expect(only('<x:m xmlns:x="urn:x" xml:lang="de" b="&lt;&#x41;">a<n xmlns="urn:n"/> b</x:m>')).toEqual({
      name: 'm', namespace: 'urn:x', attributes: { 'xml:lang': 'de', b: '<A' }, children: ['a', { name: 'n', namespace: 'urn:n', attributes: {}, children: [] }, ' b'],
    });
  });

  test.each<[string, string, string]>([
    ['the five entities and both kinds of character reference', '<m>&lt;&gt;&amp;&quot;&apos;&#65;&#x1F600;</m>', '<>&"\'A😀'],
    ['a reference that names a reference: resolved once', '<m>&amp;lt;&#38;lt;</m>', '&lt;&lt;'],
    ['a DOCTYPE in a CDATA section', '<m><![CDATA[<!DOCTYPE m>&x;]]></m>', '<!DOCTYPE m>&x;'],
    ['a DOCTYPE in a comment', '<m><!-- <!DOCTYPE m> -->a</m>', 'a'],
    ['a byte order mark and a declaration', '\ufeff<?xml version="1.0" encoding="utf-8" standalone="yes"?>\n<m>a</m>\n', 'a'],
    ['line ends of all systems', '<m>a\r\nb\rc\n</m>', 'a\nb\nc\n'],
    ['numbers, which stay text', '<m>00123.450</m>', '00123.450'],
    ['DEL and what follows, which XML 1.0 allows', '<m>\x7f\x85</m>', '\x7f\x85'],
    ['a greater-than sign and brackets', '<m>a > b ]] ></m>', 'a > b ]] >'],
  ])('%s', (_situation, document, expected) => {
    expect(textOf(document)).toBe(expected);
  });

  test.each<[string, string, string]>([
    ['a megabyte', 'x'.repeat(1024 * 1024), 'x'.repeat(1024 * 1024)],
    ['a long value with references, line ends and both quotes', `"${'x'.repeat(100)}&quot;\n\t&#10;&gt;`, `"${'x'.repeat(100)}"  \n>`],
    ['a short value of the same', '"x&quot;\n\t&#10;&gt;', '"x"  \n>'],
    ['a greater-than sign', 'a > b', 'a > b'],
  ])('an attribute of %s', (_situation, written, expected) => {
    expect(only(`<m a='${written}' b="2"/>`).attributes).toEqual({ a: expected, b: '2' });
  });

  test('32 levels, 50,000 elements, 64 attributes', () => {
    const attributes = Array.from({ length: 64 }, (_, i) => `a${String(i)}=""`).join(' ');
    expect([nested(32), `<m>${'<a/>'.repeat(49_999)}</m>`, `<m ${attributes}/>`].map(faultOf)).toEqual(['accepted', 'accepted', 'accepted']);
  });

  test('a large document stops often, and comes to the same', () => {
    const document = Buffer.from(`<m>${'<a b="1">text</a>'.repeat(20_000)}</m>`);
    const reading = readXmlInSlices(document);
    let slices = 0;
    let step = reading.next();
    for (; step.done !== true; step = reading.next()) slices += 1;
    expect(slices).toBeGreaterThan(10);
    expect(step.value).toEqual(readXml(document));
  });

  test('the prototype of objects stays as it is', () => {
    expect(Object.getPrototypeOf(only('<m a="1"/>').attributes)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>)['a']).toBeUndefined();
  });
});

/** What a strict parser alone says of the whole document; undefined when it is malformed. */
const parsedByItself = (document: string): unknown => {
  const parser = new SaxesParser({ xmlns: true });
  const root = { children: [] as unknown[] };
  const open: { children: unknown[] }[] = [root];
  const add = (text: string): void => {
    if (open.length > 1) open.at(-1)?.children.push(text);
  };
  const errors: Error[] = [];
  parser.on('error', (error) => errors.push(error));
  parser.on('opentag', ({ local, uri, attributes }) => {
    const own = Object.values(attributes).filter(({ name, prefix }) => name !== 'xmlns' && prefix !== 'xmlns');
    const element = { name: local, namespace: uri, attributes: Object.fromEntries(own.map(({ name, value }) => [name, value])), children: [] };
    open.at(-1)?.children.push(element);
    open.push(element);
  });
  parser.on('closetag', () => open.pop());
  parser.on('text', add);
  parser.on('cdata', add);
  parser.write(document).close();
  return errors.length === 0 ? root.children[0] : undefined;
};

/** Text that stands beside text is one text, however it was found. */
const joined = (node: unknown): unknown => {
  if (typeof node !== 'object' || node === null) return node;
  const { children, ...rest } = node as XmlElement;
  const texts: unknown[] = [];
  for (const child of children) {
    if (typeof child === 'string' && typeof texts.at(-1) === 'string') texts.push(`${String(texts.pop())}${child}`);
    else if (child !== '') texts.push(joined(child));
  }
  return { ...rest, children: texts };
};

describe('for any input', () => {
  const pieces = fc.constantFrom(
    '<a>', '</a>', '<b c="1">', '</b>', '<b/>', '<a c=\'"\' d="&lt;">', `<a long="${'v'.repeat(70)}\n&amp;">`, '<x:a xmlns:x="urn:x">', '</x:a>', 'text', '&amp;', '&#65;', '&bad;', '&',
    '<![CDATA[', ']]>', '<!--', '-->', '--', '>', '<', '"', "'", '=', ' ', '\r\n', '<?xml version="1.0"?>', '?>', '<?', '<!', '/', 'é', '😀', ']]',
  );

  test('what it accepts is what a strict parser reads, and what it calls malformed that parser refuses', () => {
    let accepted = 0;
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), fc.boolean(), (parts, wrapped) => {
        const document = wrapped ? `<a>${parts.join('')}</a>` : parts.join('');
        const fault = faultOf(document);
        const expected = parsedByItself(document);
        if (fault === 'accepted') {
          accepted += 1;
          expect(joined(readXml(Buffer.from(document)))).toEqual(joined(expected));
        } else if (fault.startsWith('malformed-xml')) {
          expect(expected === undefined || document.includes('<?')).toBe(true);
        }
      }),
      { numRuns: 10_000 },
    );
    expect(accepted).toBeGreaterThan(300);
  });

  test('bytes of any kind: never anything but a fault of its own', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void faultOf(Buffer.from(bytes))), { numRuns: 2000 });
  });

  test('trees survive being written and read', () => {
    const name = fc.stringMatching(/^[a-z][a-zA-Z0-9.-]{0,8}$/).filter((one) => one !== 'constructor' && one !== 'prototype');
    const text = fc.string({ unit: 'grapheme' }).filter((one) => faultOf(`<m>${escaped(one)}</m>`) === 'accepted').map((one) => one.replaceAll('\r', ''));
    const escaped = (one: string): string => one.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll('\t', '&#9;').replaceAll('\n', '&#10;');
    const { tree } = fc.letrec<{ tree: XmlElement }>((tie) => ({
      tree: fc.record({ name, namespace: fc.constant(''), attributes: fc.dictionary(name, text, { maxKeys: 4, noNullPrototype: true }), children: fc.array(fc.oneof({ maxDepth: 4 }, text.filter((one) => one !== ''), tie('tree')), { maxLength: 4 }) }),
    }));
    const written = (node: XmlElement | string): string =>
      typeof node === 'string' ? escaped(node) : `<${node.name}${Object.entries(node.attributes).map(([key, value]) => ` ${key}="${escaped(value)}"`).join('')}>${node.children.map(written).join('')}</${node.name}>`;
    fc.assert(fc.property(tree, (root) => expect(joined(readXml(Buffer.from(written(root))))).toEqual(joined(root))), { numRuns: 300 });
  });

  test('time grows with the length, not faster', () => {
    const milliseconds = (document: string): number => {
      const bytes = Buffer.from(document);
      return leastProcessorMs(() => {
        try {
          readXml(bytes, { ...xmlLimits, maxElements: 1_000_000 });
        } catch (error) {
          if (!(error instanceof XmlFault)) throw error;
        }
      });
    };
    const shapes = [
      (n: number) => `<m>${'<a b="1">x</a>'.repeat(n)}</m>`, (n: number) => `<m a="${'x\n&amp;'.repeat(n)}"/>`, (n: number) => `<m>${'x]]\n'.repeat(n)}`, (n: number) => '<!--'.repeat(n), (n: number) => `<m ${' '.repeat(n)}`,
    ];
    for (const shape of shapes) {
      milliseconds(shape(2_000));
      expect(milliseconds(shape(40_000))).toBeLessThan(Math.max(milliseconds(shape(5_000)), 2) * 8 * 6);
    }
  });
});
