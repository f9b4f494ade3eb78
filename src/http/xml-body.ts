import { setImmediate as othersTurn } from 'node:timers/promises';
import { readXmlInSlices, XmlFault, xmlLimits, type XmlElement, type XmlFaultCode } from '../xml/xml-gate.ts';
import { problem, problemCatalogue, type ProblemCode, type ProblemError } from './problem.ts';

/** Where XML needs other advice than the catalogue gives. */
const advice: Readonly<Partial<Record<XmlFaultCode, string>>> = {
  'forbidden-key': 'Rename the element or attribute: its name is reserved by JavaScript.',
  'too-many-elements': `Send at most ${String(xmlLimits.maxElements)} elements, and ${String(xmlLimits.maxAttributes)} attributes in one.`,
  'not-utf8': 'Encode the document as UTF-8 and declare no other encoding.',
  'invalid-text': 'Remove control characters that XML does not allow.',
};

const refusal = ({ code, line }: XmlFault, maxBytes: number): ProblemError => {
  const known: ProblemCode = code === 'too-many-elements' ? 'payload-too-large' : code;
  const errors = [{ pointer: `/line/${String(line)}`, code, message: advice[code] ?? problemCatalogue[known].detail }];
  return problem(known, { errors, ...(known === 'payload-too-large' && { limits: { maxBytes } }) });
};

/**
 * Reads body bytes as XML through its gate, letting others have their turn between slices of a large one. Throws the problem of the
 * gate with the line, 413 for too many elements.
 */
export const readXmlBody = async (bytes: Buffer, limits: { readonly maxBytes: number; readonly maxDepth: number }): Promise<XmlElement> => {
  try {
    const reading = readXmlInSlices(bytes, { ...xmlLimits, maxDepth: limits.maxDepth });
    for (let step = reading.next(); ; step = reading.next()) {
      if (step.done === true) return step.value;
      await othersTurn();
    }
  } catch (error) {
    throw error instanceof XmlFault ? refusal(error, limits.maxBytes) : error;
  }
};
