import { isUtf8 } from 'node:buffer';
import type { XmlElement } from '../xml/xml-gate.ts';
import { NO_BODY, type ContentPlan } from './framing.ts';
import { JsonFault, readJson, type ReadJson } from './json-gate.ts';
import { readMultipartBody } from './multipart-body.ts';
import type { OperationInfo } from './operation-info.ts';
import { problem, problemCatalogue, type ProblemCode, type ProblemError } from './problem.ts';
import { readXmlBody } from './xml-body.ts';

/** Bounds on one request body. */
export interface BodyLimits {
  readonly maxBytes: number;
  readonly maxItems: number;
  readonly maxDepth: number;
}

const RESERVED_KEYS = ['__proto__', 'constructor', 'prototype'];

const isBlank = (bytes: Buffer): boolean =>
  bytes.length <= 64 * 1024 && ['', 'null', '{}'].includes(bytes.toString('latin1').replace(/[ \t\r\n]+/g, ''));

const at = (code: ProblemCode, pointer: string): ProblemError =>
  problem(code, { errors: [{ pointer, code, message: problemCatalogue[code].detail }] });

const readJsonBody = (bytes: Buffer, judgesItems: boolean, { maxBytes, maxItems, maxDepth }: BodyLimits): ReadJson => {
  try {
    const read = readJson(bytes, { maxItems, maxDepth });
    const fault = judgesItems ? undefined : read.items?.find((item) => item.fault !== undefined)?.fault;
    if (fault !== undefined) throw at(fault.code, fault.pointer);
    return read;
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error;
    if (error.code === 'too-many-items') throw problem('too-many-items', { limits: { maxItems, maxBytes } });
    throw at(error.code, error.pointer);
  }
};

const readFormBody = (bytes: Buffer): ReadJson => {
  if (!isUtf8(bytes)) throw problem('not-utf8');
  const pairs = [...new URLSearchParams(bytes.toString('utf8'))];
  const keys = pairs.map(([key]) => key);
  if (keys.some((key) => RESERVED_KEYS.includes(key))) throw problem('forbidden-key');
  if (new Set(keys).size !== keys.length) throw problem('duplicate-key');
  if (pairs.some((pair) => pair.join('').includes('\0'))) throw problem('invalid-text');
  return { value: Object.fromEntries(pairs) };
};

/**
 * Turns body bytes into a value by the plan. Text that nobody can keep refuses a list whose items are not judged one by one. A body that is not required may be blank (nothing, white space, `null`, `{}`)
 * under any content type and is then undefined. XML is its text for the validator, and a tree beside it. Throws the problem of the gate with its pointer, 400 for content
 * where none belongs, 415 for content of another type.
 */
export const readContent = async (
  bytes: Buffer, plan: ContentPlan, request: OperationInfo['request'], limits: BodyLimits,
): Promise<Pick<ReadJson, 'items'> & { readonly value: unknown; readonly xml?: XmlElement }> => {
  if (request?.required !== true && isBlank(bytes)) return { value: undefined };
  if (plan.kind === 'json') return readJsonBody(bytes, request?.judgesItems === true, limits);
  if (plan.kind === 'xml') return { xml: await readXmlBody(bytes, limits), value: bytes.toString('utf8') };
  if (plan.kind === 'form') return readFormBody(bytes);
  if (plan.kind === 'multipart') return { value: await readMultipartBody(bytes, plan.contentType, request?.fileParts ?? []) };
  if (plan.kind === 'unsupported') throw problem('unsupported-media-type');
  throw problem('invalid-request', { detail: NO_BODY });
};
