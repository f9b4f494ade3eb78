import { describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { createDocumentation } from '../../src/http/documentation.ts';
import { loadSpec } from '../../src/http/spec.ts';

const spec = {
  openapi: '3.1.0',
  info: { title: 'Health & <b>devices</b>', version: '1.0.0', description: 'see </script><script>alert(1)</script> <!-- x' },
  servers: [{ url: 'http://127.0.0.1:3000' }],
  paths: { '/alive': { get: { operationId: 'alive', 'x-platform': true, responses: { 200: { description: 'Alive.' } } } } },
};
const { html, assets } = createDocumentation(loadSpec(spec));
const scripts = [...html.body.matchAll(/<script([^>]*)>([\s\S]*?)<\/script>/g)].map(([, attributes = '', text = '']) => ({ attributes, text }));
const directives = new Map(html.csp.split('; ').map((directive) => [directive.split(' ', 1)[0], directive.split(' ').slice(1)]));

describe('the documentation page', () => {
  test('carries the whole specification, whatever its text', () => {
    const data = scripts.find(({ attributes }) => attributes.includes('application/json'));
    expect(JSON.parse(data?.text ?? '')).toEqual(spec);
    expect(scripts).toHaveLength(3);
  });

  test('shows the title as text', () => {
    expect(html.body).toContain('<title>Health &#38; &#60;b&#62;devices&#60;/b&#62;</title>');
  });

  test('each script is a file of ours, data, or allowed by its hash', () => {
    for (const { attributes, text } of scripts) {
      if (attributes.includes('application/json')) continue;
      const source = /src="([^"]+)"/.exec(attributes)?.[1];
      if (source !== undefined) expect(assets.map(({ path }) => path)).toContain(source);
      else expect(directives.get('script-src')).toContain(`'sha256-${createHash('sha256').update(text).digest('base64')}'`);
    }
  });

  test('the policy begins with nothing and names no host', () => {
    expect(directives.get('default-src')).toEqual(["'none'"]);
    expect(directives.get('script-src')).not.toContain("'unsafe-inline'");
    expect(directives.get('script-src')).not.toContain("'unsafe-eval'");
    expect(html.csp).not.toMatch(/https?:|\*/);
  });

  test('neither page nor script loads anything from elsewhere', () => {
    expect(html.body).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
    const script = assets.find(({ path }) => path.endsWith('.js'))?.body.toString() ?? '';
    const found = ['Redoc', 'cdn.redoc.ly', '.js.map'].filter((text) => script.includes(text));
    expect(found).toEqual(['Redoc']);
  });

  test('the licences of what Redoc contains are served beside it', () => {
    expect(assets.find(({ path }) => path.endsWith('LICENSE.txt'))?.body.length).toBeGreaterThan(500);
  });

  test('the same input makes the same page', () => {
    expect(createDocumentation(loadSpec(spec)).html).toEqual(html);
  });
});
