import { problem, type ProblemError } from '../../http/problem.ts';
import { boundPatient, type Caller } from '../caller.ts';
import { readCodes } from '../domain/fhir/code-search.ts';
import { readDate, type DateCondition } from '../domain/fhir/date-search.ts';
import type { WantedCode } from '../domain/fhir/observation.ts';
import { readPlace, type PagePlace } from '../domain/fhir/page-place.ts';

/** The refusal of one query parameter. */
export const refuseQuery = (name: string, code: string, message: string): ProblemError => problem('invalid-request', { errors: [{ pointer: `/query/${name}`, code, message }] });

/** Whose data is meant: the patient a caller speaks for, else the one it names. Throws when it names another, or nobody although `otherwise` says nothing else. */
export const patientIn = (caller: Caller, named: string | undefined, otherwise: boolean): string | undefined => {
  const bound = boundPatient(caller);
  const patientId = named?.replace(/^Patient\//, '');
  if (bound !== undefined && patientId !== undefined && patientId !== bound) throw problem('not-your-data');
  if (bound === undefined && patientId === undefined && !otherwise) throw refuseQuery('patient', 'required', 'Say whose.');
  return bound ?? patientId;
};

/** Identifiers separated by commas. */
export const idsIn = (text: string | undefined): string[] | undefined => text?.split(',').map((one) => one.trim());

/** Dates of a search. Throws naming the parameter when one is none. */
export const datesIn = (name: string, texts: readonly string[] | undefined): DateCondition[] | undefined =>
  texts?.map((text) => {
    const date = readDate(text, Date.now());
    if (date === undefined) throw refuseQuery(name, 'invalid-date', 'Send a date of FHIR, with a prefix if you like.');
    return date;
  });

/** Codes of a search. Throws when one is none. */
export const codesIn = (text: string | undefined): WantedCode[] | undefined => {
  const codes = text === undefined ? undefined : readCodes(text);
  if (text !== undefined && codes === undefined) throw refuseQuery('code', 'invalid-token', 'Send codes as code or system|code, separated by commas.');
  return codes;
};

/** Where a page begins. Throws when nobody wrote it here. */
export const cursorIn = (text: string | undefined): PagePlace | undefined => {
  const place = text === undefined ? undefined : readPlace(text);
  if (text !== undefined && place === undefined) throw refuseQuery('_cursor', 'invalid-cursor', 'Follow the link next as it is.');
  return place;
};
