import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { withCodeSamples } from './code-samples.ts';
import { documentedServices, type DocumentedService } from './service-pages.ts';
import type { Spec } from './spec.ts';

/** A file that the documentation page loads from us; `path` changes with its content, so it can be cached for long. */
export interface DocumentationAsset {
  readonly path: string;
  readonly contentType: string;
  readonly body: Buffer;
  /** Content security policy of a page; files have none. */
  readonly csp?: string;
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

/** The one file of Redoc, with nothing in it that asks another host, and the licences of what it contains. */
export interface RedocBundle {
  /** Changes with the content. */
  readonly version: string;
  readonly script: Buffer;
  readonly licence: Buffer;
}

let bundle: RedocBundle | undefined;

/** Reads Redoc from its package, once for all services. Throws when the package is not there. */
export const redocBundle = (): RedocBundle => (bundle ??= readBundle());

function readBundle(): RedocBundle {
  const path = createRequire(import.meta.url).resolve('redoc/bundles/redoc.standalone.js');
  const text = readFileSync(path, 'utf8')
    .replace(/https:\/\/cdn\.redoc\.ly\/[\w./-]+/g, () => NO_PICTURE)
    .replace(/\/\/# sourceMappingURL=[\w.-]+\.map/g, '');
  const script = Buffer.from(text);
  return { version: createHash('sha256').update(script).digest('hex').slice(0, 16), script, licence: readFileSync(`${path}.LICENSE.txt`) };
}

/** Text as it may stand in an element or an attribute of a page. */
export const inHtml = (text: string): string =>
  text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

/** JSON inside a script element: no `<` may end the element or begin a comment. */
const inScript = (value: unknown): string => JSON.stringify(value).replaceAll('<', '\\u003c');

function titleOf(spec: object): string {
  const info: unknown = 'info' in spec ? spec.info : undefined;
  const title: unknown = typeof info === 'object' && info !== null && 'title' in info ? info.title : undefined;
  return typeof title === 'string' ? title : 'API';
}

const POLICY = [
  "default-src 'none'",
  `script-src 'self' 'sha256-${createHash('sha256').update(START).digest('base64')}'`,
  "style-src 'unsafe-inline'", // Redoc writes its style sheets itself; scripts stay closed
  'img-src data:',
  'worker-src blob:', // its search runs in a worker made from a blob
  "base-uri 'none'",
  "form-action 'none'",
];

/** Where a page finds its files, as addresses that a browser resolves from the page. */
export interface PageLinks {
  readonly script: string;
  readonly specification: string;
}

/** What a page has beside Redoc: HTML for its head and for the top of its body. */
export interface PageFrame {
  readonly head: string;
  readonly top: string;
}

const noFrame: PageFrame = { head: '', top: '' };

/** The Redoc page of a bundled specification, which is in the page, so that `script` is the only file it loads. */
export const redocPage = (spec: object, { script, specification }: PageLinks, { head, top }: PageFrame = noFrame): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
${head}<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>${inHtml(titleOf(spec))}</title>
<style>body { margin: 0; }</style>
</head>
<body>
${top}<div id="redoc"></div>
<noscript>This page needs JavaScript; the specification itself is at <a href="${specification}">${specification}</a>.</noscript>
<script type="application/json" id="specification">${inScript(spec)}</script>
<script src="${script}"></script>
<script>${START}</script>
</body>
</html>
`;

/** The policy of a page that is a file: its first line, because nobody sends headers for it. */
export const POLICY_IN_PAGE = `<meta http-equiv="Content-Security-Policy" content="${POLICY.join('; ')}">\n`;

const SERVED_POLICY = [...POLICY, "frame-ancestors 'none'"].join('; '); // means something in a header only

/** Above each page: the contracts of all services, so that whoever found one finds the others. */
const bar = (own: string): string => {
  const links = documentedServices.map(({ name, title }) => (title === own ? `<b>${inHtml(title)}</b>` : `<a href="/documentation/${name}">${inHtml(title)}</a>`));
  return `<nav aria-label="Contracts" style="display: flex; flex-wrap: wrap; gap: 0.25rem 1.5rem; padding: 0.6rem 1rem; font-family: system-ui, sans-serif">${links.join('')}</nav>\n`;
};

const scriptPath = (): string => `/documentation/redoc-${redocBundle().version}.js`;

/** The page and the specification of one service, made when somebody asks for them, once for all services of a process. */
const assetsOf = ({ name, title, spec }: DocumentedService): DocumentationAsset[] => {
  let page: Buffer | undefined;
  let json: Buffer | undefined;
  return [
    {
      path: `/documentation/${name}`, contentType: 'text/html; charset=utf-8', csp: SERVED_POLICY,
      get body() {
        return (page ??= Buffer.from(redocPage(withCodeSamples(spec()), { script: scriptPath(), specification: `/documentation/${name}.json` }, { head: '', top: bar(title) })));
      },
    },
    {
      path: `/documentation/${name}.json`, contentType: 'application/json; charset=utf-8',
      get body() {
        return (json ??= Buffer.from(JSON.stringify(spec().document)));
      },
    },
  ];
};

const pagesOfAll = documentedServices.flatMap(assetsOf);

/**
 * The Redoc page of a service with code samples, made once at start, and those of the other services beside it. It asks nobody but us for
 * anything, and its policy lets it do nothing else: Redoc is one file of ours, the specification is in the page, the one inline script is
 * allowed by its hash.
 */
export function createDocumentation(spec: Spec): Documentation {
  const { script, licence } = redocBundle();
  return {
    html: { body: redocPage(withCodeSamples(spec), { script: scriptPath(), specification: '/documentation/json' }, { head: '', top: bar(spec.title) }), csp: SERVED_POLICY },
    assets: [
      { path: scriptPath(), contentType: 'text/javascript; charset=utf-8', body: script },
      { path: LICENCE_PATH, contentType: 'text/plain; charset=utf-8', body: licence },
      ...pagesOfAll,
    ],
  };
}
