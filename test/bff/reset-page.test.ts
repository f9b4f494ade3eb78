import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';

let vitalgate: TestVitalgate;
beforeAll(async () => {
  vitalgate = await startTestVitalgate({ JOBS: [] });
});
afterAll(() => vitalgate.stop());

describe('the page to set a new password', () => {
  const load = async () => {
    const answer = await fetch(`${vitalgate.urls.bff}/reset-password`);
    const directives = new Map((answer.headers.get('content-security-policy') ?? '').split('; ').map((directive) => [directive.split(' ', 1)[0], directive.split(' ').slice(1).join(' ')]));
    return { answer, html: await answer.text(), directives };
  };

  test('is kept by nobody, tells nobody where it was, and goes into no frame', async () => {
    const { answer, directives } = await load();
    expect([answer.status, answer.headers.get('content-type'), answer.headers.get('cache-control'), answer.headers.get('referrer-policy')]).toEqual([200, 'text/html; charset=utf-8', 'no-store', 'no-referrer']);
    expect(Object.fromEntries(directives)).toMatchObject({ 'default-src': "'none'", 'connect-src': "'self'", 'form-action': "'none'", 'frame-ancestors': "'none'", 'base-uri': "'none'" });
    expect([...directives.values()].join(' ')).not.toMatch(/unsafe|https?:|\*/);
  });

  test('loads its script and its style from here and nothing else, and has none inside', async () => {
    const { html, directives } = await load();
    expect([directives.get('script-src'), directives.get('style-src'), directives.get('require-trusted-types-for')]).toEqual(["'self'", "'self'", "'script'"]);
    expect([...html.matchAll(/(?:src|href)="(?!data:)([^"]*)"/g)].map(([, path]) => path)).toEqual([expect.stringMatching(/^\/pages\/styles\/pages-[0-9a-f]{16}\.css$/), expect.stringMatching(/^\/pages\/scripts\/reset-password-[0-9a-f]{16}\.js$/)]);
    expect(html).not.toMatch(/https?:\/\/|\son\w+=|style=|<style|<script[^>]*>[^<]/);
  });

  test('says what is needed where scripts do not run, and shows no form there', async () => {
    const { html } = await load();
    expect(html).toMatch(/<p class="unscripted">This page needs JavaScript/);
    expect(html).not.toContain('<form');
  });
});
