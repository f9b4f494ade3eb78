import { loincUrl, type Attachment } from '../../measurement/coding.ts';
import { Unfit, type Measured } from './observing.ts';
import { at, membersOf, type AttachmentRule } from './rule.ts';

const pdfInBase64 = /^JVBERi0[A-Za-z0-9+/]*={0,2}$/;

/** Bytes that base64 text stands for. Throws Unfit when it is none, or not the PDF it is said to be. */
const documentBytes = (text: unknown, contentType: string | undefined): number => {
  if (typeof text !== 'string' || (contentType === 'application/pdf' && !pdfInBase64.test(text.replaceAll(/\s/g, '')))) throw new Unfit('document-invalid');
  return Buffer.byteLength(text, 'base64');
};

const attach = ({ kind, value, contentType, code, name }: AttachmentRule, { item, sources }: Measured): Attachment | undefined => {
  const found = at(item, value);
  if (found === undefined || found === null || found === '') return undefined;
  const pointer = sources?.[value] ?? value;
  if (kind === 'resource' && typeof membersOf(found)['resourceType'] !== 'string') throw new Unfit('document-invalid');
  if (kind !== 'document') return { kind, code: loincUrl(code), name, pointer };
  return { kind, code: loincUrl(code), name, pointer, ...(contentType !== undefined && { contentType }), sizeBytes: documentBytes(found, contentType) };
};

/** What a record refers to in its payload instead of holding it. Throws Unfit for a document that is not what it is said to be. */
export const attachmentsOf = (rules: readonly AttachmentRule[], measured: Measured): Attachment[] =>
  rules.map((rule) => attach(rule, measured)).filter((one) => one !== undefined);
