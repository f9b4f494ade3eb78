import { isUtf8 } from 'node:buffer';
import { problem } from './problem.ts';

const RESERVED_KEYS = ['__proto__', 'constructor', 'prototype'];

const formOf = async (bytes: Buffer, contentType: string): Promise<FormData> => {
  try {
    return await new Response(new Uint8Array(bytes), { headers: { 'content-type': contentType } }).formData();
  } catch {
    throw problem('invalid-request', { detail: 'Send a body that matches the boundary of its Content-Type.' });
  }
};

const textOf = async (part: File | string): Promise<string> => {
  if (typeof part !== 'string') return Buffer.from(await part.arrayBuffer()).toString('latin1');
  if (part.includes('\0')) throw problem('invalid-text');
  return part;
};

/**
 * The parts of a multipart form by name: fields as text, files as text with one character (U+0000 to U+00FF) per byte, for whoever knows
 * their encoding. Throws 400 for a body that is none, a name twice, and names that JavaScript reserves.
 */
export const readMultipartBody = async (bytes: Buffer, contentType: string): Promise<Record<string, string>> => {
  if (!isUtf8(Buffer.from(contentType, 'latin1'))) throw problem('not-utf8');
  const parts = [...(await formOf(bytes, contentType))];
  const names = parts.map(([name]) => name);
  if (names.some((name) => RESERVED_KEYS.includes(name))) throw problem('forbidden-key');
  if (new Set(names).size !== names.length) throw problem('duplicate-key');
  return Object.fromEntries(await Promise.all(parts.map(async ([name, part]): Promise<[string, string]> => [name, await textOf(part)])));
};
