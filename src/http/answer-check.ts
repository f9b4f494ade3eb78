import type { ValidateFunction } from 'ajv/dist/2020.js';
import type { OperationInfo } from './operation-info.ts';
import { schemaCompiler } from './spec-schemas.ts';
import { pointerToken, type Spec } from './spec.ts';

/** A JSON answer about to be sent: which operation answers, and the declared status and media type that it answers with. */
export interface JsonAnswer {
  readonly operation: OperationInfo;
  readonly status: number;
  readonly mediaType: string;
  readonly body: unknown;
}

/** Says how an answer breaks its contract, by place and rule and never by value; undefined when it keeps it. */
export type AnswerCheck = (answer: JsonAnswer) => string | undefined;

/**
 * Holds answers against the specification. A schema is compiled at the first answer of its kind: most of those that are declared are
 * rarely sent, and the start does not wait for them.
 */
export const answerCheck = (spec: Spec): AnswerCheck => {
  const compile = schemaCompiler(spec);
  const compiled = new Map<string, ValidateFunction>();
  const schemaOf = ({ operation: { template, method }, status, mediaType }: JsonAnswer): ValidateFunction => {
    const place = ['', 'paths', template, method.toLowerCase(), 'responses', String(status), 'content', mediaType, 'schema'];
    const pointer = `#${place.map(pointerToken).join('/')}`;
    const known = compiled.get(pointer) ?? compile(pointer);
    compiled.set(pointer, known);
    return known;
  };
  return (answer) => {
    const breach = (fault: string): string => `${answer.operation.id} answered ${answer.status} with a body that breaks its contract: ${fault}.`;
    if (answer.body === undefined) return breach('it is missing');
    const takes = schemaOf(answer);
    if (takes(answer.body)) return undefined;
    return breach((takes.errors ?? []).map(({ instancePath, message = 'is refused' }) => `${instancePath} ${message}`.trim()).join('; '));
  };
};
