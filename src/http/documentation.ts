import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** A file that the documentation page loads from us; `path` changes with its content, so it can be cached for long. */
export interface DocumentationAsset {
  readonly path: string;
  readonly contentType: string;
  readonly body: Buffer;
}

/** The page, and the content security policy that it must be served with. */
export interface Documentation {
  readonly html: { readonly body: string; readonly csp: string };
  readonly assets: readonly DocumentationAsset[];
}

const LICENCE_PATH = '/documentation/redoc.standalone.js.LICENSE.txt';

/** Redoc shows its maker's logo from a content delivery network: this picture of nothing takes its place. */
const NO_PICTURE = `data:image/svg+xml,${encodeURIComponent('<svg xmlns="http://www.w3.org/2000/svg"/>')}`;

const OPTIONS = {
  hideLoading: true,
  requiredPropsFirst: true,
  jsonSamplesExpandLevel: 3,
  theme: { typography: { fontFamily: 'system-ui, sans-serif', headings: { fontFamily: 'system-ui, sans-serif' } } },
};

/** Runs in the browser; the specification is in the page, so that nothing has to be fetched. */
const START = `Redoc.init(JSON.parse(document.getElementById('specification').textContent), ${JSON.stringify(OPTIONS)}, document.getElementById('redoc'));`;

function bundle(): { script: Buffer; licence: Buffer } {
  const script = createRequire(import.meta.url).resolve('redoc/bundles/redoc.standalone.js');
  const text = readFileSync(script, 'utf8')
    .replace(/https:\/\/cdn\.redoc\.ly\/[\w./-]+/g, () => NO_PICTURE)
    .replace(/\/\/# sourceMappingURL=[\w.-]+\.map/g, '');
  return { script: Buffer.from(text), licence: readFileSync(`${script}.LICENSE.txt`) };
}

const inHtml = (text: string): string =>
  text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

/** JSON inside a script element: no `<` may end the element or begin a comment. */
const inScript = (value: unknown): string => JSON.stringify(value).replaceAll('<', '\\u003c');

function titleOf(spec: object): string {
  const info: unknown = 'info' in spec ? spec.info : undefined;
  const title: unknown = typeof info === 'object' && info !== null && 'title' in info ? info.title : undefined;
  return typeof title === 'string' ? title : 'API';
}

function policy(): string {
  const start = createHash('sha256').update(START).digest('base64');
  return [
    "default-src 'none'",
    `script-src 'self' 'sha256-${start}'`,
    "style-src 'unsafe-inline'", // Redoc writes its style sheets itself; scripts stay closed
    'img-src data:',
    'worker-src blob:', // its search runs in a worker made from a blob
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/**
 * The Redoc page of a bundled specification, made once at start. It asks nobody but us for anything, and its policy lets it do
 * nothing else: Redoc is one file of ours, the specification is in the page, the one inline script is allowed by its hash.
 */
export function createDocumentation(spec: object): Documentation {
  const { script, licence } = bundle();
  const version = createHash('sha256').update(script).digest('hex').slice(0, 16);
  const path = `/documentation/redoc-${version}.js`;
  const body = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>${inHtml(titleOf(spec))}</title>
<style>body { margin: 0; }</style>
</head>
<body>
<div id="redoc"></div>
<noscript>This page needs JavaScript; the specification itself is at <a href="/documentation/json">/documentation/json</a>.</noscript>
<script type="application/json" id="specification">${inScript(spec)}</script>
<script src="${path}"></script>
<script>${START}</script>
</body>
</html>
`;
  return {
    html: { body, csp: policy() },
    assets: [
      { path, contentType: 'text/javascript; charset=utf-8', body: script },
      { path: LICENCE_PATH, contentType: 'text/plain; charset=utf-8', body: licence },
    ],
  };
}
