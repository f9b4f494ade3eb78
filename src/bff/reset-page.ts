import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** A page, and the content security policy that it must be served with. */
export interface Page {
  readonly body: string;
  readonly csp: string;
}

/** The one element of a name; what it holds is what its hash allows. */
const hashOf = (html: string, element: 'script' | 'style'): string => {
  const found = [...html.matchAll(new RegExp(`<${element}>([\\s\\S]*?)</${element}>`, 'g'))];
  if (found.length !== 1) throw new Error(`The page must have one ${element} element.`);
  return `'sha256-${createHash('sha256').update(found[0]?.[1] ?? '').digest('base64')}'`;
};

/** Loads the page to set a new password. Its policy lets it run its own script and talk to us, and nothing else. */
export const loadResetPage = (): Page => {
  const body = readFileSync(new URL('pages/reset-password.html', import.meta.url), 'utf8');
  const csp = [
    "default-src 'none'",
    `script-src ${hashOf(body, 'script')}`,
    `style-src ${hashOf(body, 'style')}`,
    "connect-src 'self'",
    'img-src data:', // the empty icon, so that no browser asks for one
    "base-uri 'none'",
    "form-action 'none'", // the script sends the forms
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join('; ');
  return { body, csp };
};
