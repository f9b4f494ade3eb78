import type { Request, RequestHandler, Response } from 'express';
import type { Exchanges } from './exchange.ts';
import type { Metrics } from './metrics.ts';
import { problem } from './problem.ts';
import type { Spec } from './spec.ts';

/** Whether the service takes requests; while it drains it finishes what it has. */
export type Phase = 'starting' | 'serving' | 'draining';

/** The documentation page with its own content security policy, and the files it loads from us. */
export interface DocumentationPage {
  readonly html: { readonly body: string; readonly csp: string };
  readonly assets: readonly { readonly path: string; readonly contentType: string; readonly body: Buffer; readonly csp?: string }[];
}

/** What the pages of the platform tell. */
export interface PlatformOptions {
  readonly name: string;
  readonly version: string;
  readonly spec: Spec;
  readonly metrics: Metrics;
  readonly documentation: DocumentationPage;
  readonly exchanges: Exchanges;
  readonly phase: () => Phase;
  /** False, a reason in words, or a rejection means: not ready for traffic. The reason is answered: it names no secret. */
  readonly ready: () => Promise<boolean | string> | boolean;
  /** What the service depends on, by name; a rejection means that it is down. */
  readonly checkUp: Readonly<Record<string, () => Promise<unknown>>>;
}

type Page = (response: Response) => unknown;

const CHECK_MS = 3000;

/** What a check says, false when it fails or takes too long. */
export const verdictOf = async (check: () => unknown): Promise<unknown> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), CHECK_MS).unref();
  });
  try {
    return await Promise.race([Promise.resolve(check()), late]);
  } catch {
    return false; // the answer of the page tells which check failed
  } finally {
    clearTimeout(timer);
  }
};

const isUp = async (check: () => unknown): Promise<boolean> => (await verdictOf(check)) !== false;

const statusPages = (options: PlatformOptions): [string, Page][] => {
  const { name, version } = options;
  const healthy = { status: 'OK', name, version };
  return [
    ['/-/healthz', (response) => response.json(healthy)],
    ['/-/ready', async (response) => {
      if (options.phase() === 'starting') throw problem('starting', { retryAfterSeconds: 1 });
      const verdict = options.phase() === 'draining' ? false : await verdictOf(options.ready);
      if (verdict !== true) throw problem('unavailable', typeof verdict === 'string' ? { detail: verdict } : {});
      return response.json(healthy);
    }],
    ['/-/check-up', async (response) => {
      const checks = Object.entries(options.checkUp);
      const up = await Promise.all(checks.map(([, check]) => isUp(check)));
      const down = checks.filter((_, index) => up[index] === false).map(([dependency]) => dependency);
      if (down.length > 0) throw problem('unavailable', { detail: `Not reachable: ${down.join(', ')}.` });
      return response.json({ ...healthy, dependencies: Object.fromEntries(checks.map(([dependency]) => [dependency, 'OK'])) });
    }],
    ['/-/metrics', async (response) => {
      const { contentType, body } = await options.metrics.render();
      return response.set('Content-Type', contentType).send(body);
    }],
  ];
};

/** Made when first asked for, and once: as many answers as are under way at a time share its bytes. */
const madeOnce = (make: () => string): (() => Buffer) => {
  let made: Buffer | undefined;
  return () => (made ??= Buffer.from(make()));
};

const documentPage = (contentType: string, body: () => Buffer, headers: Readonly<Record<string, string>> = {}): Page =>
  (response) => response.set({ 'Content-Type': `${contentType}; charset=utf-8`, ...headers }).send(body());

const documentationPages = ({ spec, documentation: { html, assets } }: PlatformOptions): [string, Page][] => [
  ['/documentation', documentPage('text/html', madeOnce(() => html.body), { 'Content-Security-Policy': html.csp })],
  ['/documentation/json', documentPage('application/json', madeOnce(() => JSON.stringify(spec.document)))],
  ...assets.map((asset): [string, Page] => [
    asset.path,
    (response) => response.set({ 'Content-Type': asset.contentType, 'Cache-Control': 'public, max-age=3600', ...(asset.csp !== undefined && { 'Content-Security-Policy': asset.csp }) }).send(asset.body),
  ]),
];

/** Answers `/-/…` and `/documentation…` of a service, with or without trailing slash; anything else goes on. */
export const platformRoutes = (options: PlatformOptions): RequestHandler => {
  const pages = new Map([...statusPages(options), ...documentationPages(options)]);
  return async (request: Request, response, next) => {
    const path = request.path.length > 1 ? request.path.replace(/\/$/, '') : request.path;
    const page = pages.get(path);
    if (page === undefined) {
      next();
      return;
    }
    options.exchanges.of(request).label = `platform:${path}`;
    if (request.method !== 'GET' && request.method !== 'HEAD') throw problem('method-not-allowed', { headers: { Allow: 'GET, HEAD' } });
    await page(response);
  };
};
