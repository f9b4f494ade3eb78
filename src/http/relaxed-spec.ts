import type { JsonObject, Spec } from './spec.ts';

type Mutable = Record<string, unknown>;

const walk = (node: unknown, visit: (object: Mutable) => void): void => {
  if (typeof node !== 'object' || node === null) return;
  if (!Array.isArray(node)) visit(node as Mutable);
  for (const child of Object.values(node)) walk(child, visit);
};

const relax = (object: Mutable): void => {
  if (object['x-verdict-per-item'] === true) {
    object['items'] = {};
    delete object['maxItems'];
  }
  // encodeURIComponent, and so every client made of the specification, leaves ' ( ) * ! as they are; RFC 3986 allows them in a query.
  if (object['in'] === 'query') object['allowReserved'] = true;
  // The validator answers 500 to a discriminator with a mapping; types and documentation need the mapping.
  const discriminator = object['discriminator'];
  if (typeof discriminator === 'object' && discriminator !== null) delete (discriminator as Mutable)['mapping'];
};

const bodiesAreOptionalUnlessRequired = (document: Mutable): void =>
  walk([document['paths'], (document['components'] as Mutable | undefined)?.['requestBodies']], (object) => {
    const body = object['requestBody'] as Mutable | undefined;
    if (body !== undefined && body['$ref'] === undefined) body['required'] ??= false;
  });

/**
 * The copy of a specification for the validator. Arrays marked `x-verdict-per-item` hold anything (the gate counts, the
 * vetting judges item by item); queries may hold reserved characters as they are; security schemes lose their form, because our authenticators have judged the credential
 * before and the validator only asserts that they did; servers go, because requests are matched by path alone.
 */
export const relaxed = (spec: Spec): JsonObject => {
  const document = structuredClone<Mutable>(spec.document);
  delete document['servers'];
  delete document['webhooks'];
  walk(document, relax);
  bodiesAreOptionalUnlessRequired(document);
  const components = document['components'] as Mutable | undefined;
  if (components !== undefined) {
    const asserted = { type: 'openIdConnect', openIdConnectUrl: 'https://judged.invalid/' };
    components['securitySchemes'] = Object.fromEntries([...spec.securitySchemes.keys()].map((name) => [name, asserted]));
  }
  return document;
};
