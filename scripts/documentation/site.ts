import bff from '../../generated/bff.json' with { type: 'json' };
import deviceManager from '../../generated/device-manager.json' with { type: 'json' };
import userManager from '../../generated/user-manager.json' with { type: 'json' };
import { inHtml, POLICY_IN_PAGE, redocBundle, redocPage } from '../../src/http/documentation.ts';
import { loadSpec } from '../../src/http/spec.ts';

/** A bundled specification, as far as the index shows it. */
interface Specification {
  readonly info: { readonly title: string; readonly summary: string; readonly version: string };
}

const services: readonly { readonly name: string; readonly specification: Specification }[] = [
  { name: 'bff', specification: bff },
  { name: 'device-manager', specification: deviceManager },
  { name: 'user-manager', specification: userManager },
];

const STYLE = `body { font-family: system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 2rem 1rem; color: #222; background: #fff; }
main { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(16rem, 1fr)); }
article { border: 1px solid #ccc; border-radius: 0.5rem; padding: 0 1rem; }
h2 { font-size: 1.2rem; }
a { color: #0b57d0; }`;

/** The index has no script at all. */
const INDEX_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

const BACK = '<p style="margin: 0; padding: 0.5rem 1rem; font-family: system-ui, sans-serif"><a href="index.html">All services</a></p>\n';

const cardOf = ({ name, specification }: (typeof services)[number]): string => {
  const { title, summary, version } = specification.info;
  return `<article>
<h2><a href="${name}.html">${inHtml(title)}</a></h2>
<p>${inHtml(summary)}</p>
<p>Version ${inHtml(version)}, ${loadSpec(specification).operations.length} operations</p>
<p><a href="${name}.json">Specification as JSON</a></p>
</article>`;
};

const indexPage = (): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${INDEX_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>Vitalgate</title>
<style>
${STYLE}
</style>
</head>
<body>
<h1>Vitalgate</h1>
<p>Vitalgate takes in health data from phones and medical devices and keeps every payload as received, encrypted under a key of the
patient's own. It normalizes the samples to LOINC and UCUM and charts them.</p>
<main>
${services.map(cardOf).join('\n')}
</main>
</body>
</html>
`;

/**
 * The documentation of all services as files by name: an index, a page and the specification of each service, and Redoc once. All
 * links are relative, so the files open from a disk and from any path of a web server; nothing asks another host.
 */
export const documentationSite = (): ReadonlyMap<string, string | Buffer> => {
  const { script, licence } = redocBundle();
  const pages = services.flatMap(({ name, specification }): [string, string][] => [
    [`${name}.html`, redocPage(specification, { script: 'redoc.js', specification: `${name}.json` }, { head: POLICY_IN_PAGE, top: BACK })],
    [`${name}.json`, `${JSON.stringify(specification, null, 2)}\n`],
  ]);
  return new Map<string, string | Buffer>([['index.html', indexPage()], ...pages, ['redoc.js', script], ['redoc.js.LICENSE.txt', licence]]);
};
