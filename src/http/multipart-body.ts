import { isUtf8 } from 'node:buffer';
import { Busboy } from '@fastify/busboy';
import { problem, type ProblemError } from './problem.ts';

const RESERVED_KEYS = ['__proto__', 'constructor', 'prototype'];
const MOST_PARTS = 20;

const broken = (): ProblemError => problem('invalid-request', { detail: 'Send a body that matches the boundary of its Content-Type.' });

/**
 * Hands out the parts as bytes, whether they come with a file name or not. The parser throws from its constructor and from inside its
 * events; both mean that the form is broken. A part may come without a name.
 */
const parse = (bytes: Buffer, contentType: string, keep: (name: string | undefined, value: Buffer) => void): Promise<void> =>
  new Promise((resolve, reject) => {
    // Room for a whole part: the parser would wait for ever until somebody read a part that it skips.
    const fileHwm = bytes.length + 1;
    const parser = new Busboy({ headers: { 'content-type': contentType }, limits: { parts: MOST_PARTS, fileSize: bytes.length }, isPartAFile: () => true, fileHwm });
    parser.on('file', (name: string | undefined, stream) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject).on('end', () => keep(name, Buffer.concat(chunks)));
    });
    parser.once('partsLimit', () => reject(broken())).once('error', reject).once('finish', resolve);
    parser.end(bytes);
    // All bytes are here, and nothing but ticks between them and the end: what has not ended after those never will.
    setImmediate(() => reject(broken()));
  });

/**
 * The parts of a multipart form by name: those of `fileParts` with one character (U+0000 to U+00FF) per byte, for whoever knows their
 * encoding, all others as the UTF-8 that fields are (RFC 7578, section 5.1.2). Throws 400 for a body that is none, a name twice, a
 * field in another encoding, and names that JavaScript reserves.
 */
export const readMultipartBody = async (bytes: Buffer, contentType: string, fileParts: readonly string[]): Promise<Record<string, string>> => {
  const parts = new Map<string, string>();
  const refused: ProblemError[] = [];
  const keep = (name: string | undefined, value: Buffer): void => {
    if (name === undefined) {
      refused.push(broken());
      return;
    }
    if (RESERVED_KEYS.includes(name)) refused.push(problem('forbidden-key'));
    if (parts.has(name)) refused.push(problem('duplicate-key'));
    if (name.includes('\0')) refused.push(problem('invalid-text'));
    const isFile = fileParts.includes(name);
    if (!isFile && !isUtf8(value)) refused.push(problem('not-utf8'));
    parts.set(name, value.toString(isFile ? 'latin1' : 'utf8'));
  };
  await parse(bytes, contentType, keep).catch(() => {
    throw broken();
  });
  const [first] = refused;
  if (first !== undefined) throw first;
  return Object.fromEntries(parts);
};
