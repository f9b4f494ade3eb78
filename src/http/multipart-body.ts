import { Busboy } from '@fastify/busboy';
import { problem, type ProblemError } from './problem.ts';

const RESERVED_KEYS = ['__proto__', 'constructor', 'prototype'];
const MOST_PARTS = 20;

const broken = (): ProblemError => problem('invalid-request', { detail: 'Send a body that matches the boundary of its Content-Type.' });

/** The parser throws from its constructor and from inside its events; both mean that the form is broken. A part may come without a name. */
const parse = (bytes: Buffer, contentType: string, keep: (name: string | undefined, value: string) => void): Promise<void> =>
  new Promise((resolve, reject) => {
    const parser = new Busboy({ headers: { 'content-type': contentType }, limits: { parts: MOST_PARTS, fieldSize: bytes.length, fileSize: bytes.length }, isPartAFile: (_name, type, fileName) => fileName !== undefined || type === 'application/octet-stream' });
    parser.on('field', (name, value) => keep(name, value));
    parser.on('file', (name: string | undefined, stream) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject).on('end', () => keep(name, Buffer.concat(chunks).toString('latin1')));
    });
    parser.once('partsLimit', () => reject(broken())).once('error', reject).once('finish', resolve);
    parser.end(bytes);
  });

/**
 * The parts of a multipart form by name: fields as text, files as text with one character (U+0000 to U+00FF) per byte, for whoever knows
 * their encoding. Throws 400 for a body that is none, a name twice, and names that JavaScript reserves.
 */
export const readMultipartBody = async (bytes: Buffer, contentType: string): Promise<Record<string, string>> => {
  const parts = new Map<string, string>();
  const refused: ProblemError[] = [];
  const keep = (name: string | undefined, value: string): void => {
    if (name === undefined) {
      refused.push(broken());
      return;
    }
    if (RESERVED_KEYS.includes(name)) refused.push(problem('forbidden-key'));
    if (parts.has(name)) refused.push(problem('duplicate-key'));
    if (name.includes('\0')) refused.push(problem('invalid-text'));
    parts.set(name, value);
  };
  await parse(bytes, contentType, keep).catch(() => {
    throw broken();
  });
  const [first] = refused;
  if (first !== undefined) throw first;
  return Object.fromEntries(parts);
};
