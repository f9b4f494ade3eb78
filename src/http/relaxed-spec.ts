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

const objectsIn = (node: unknown): Mutable[] =>
  Object.values((node ?? {}) as Mutable).filter((child): child is Mutable => typeof child === 'object' && child !== null && !Array.isArray(child));

const withoutExamples = (content: unknown): void => {
  for (const mediaType of objectsIn(content)) delete mediaType['examples'];
};

const keepRequestOf = (operation: Mutable): void => {
  delete operation['responses'];
  delete operation['callbacks'];
  withoutExamples((operation['requestBody'] as Mutable | undefined)?.['content']);
  for (const parameter of objectsIn(operation['parameters'])) delete parameter['examples'];
};

/** What the nodes refer to (`#/components/KIND/NAME`), and what that refers to in turn, by kind and name. */
const componentsFor = (roots: unknown, all: Mutable): Record<string, Mutable> => {
  const kept: Record<string, Mutable> = {};
  const follow = (node: unknown): void =>
    walk(node, ({ $ref: ref }) => {
      const [, kind, name] = /^#\/components\/([^/]+)\/([^/]+)$/.exec(typeof ref === 'string' ? ref : '') ?? [];
      if (kind === undefined || name === undefined || kept[kind]?.[name] !== undefined) return;
      const component = (all[kind] as Mutable | undefined)?.[name];
      (kept[kind] ??= {})[name] = component;
      follow(component);
    });
  follow(roots);
  return kept;
};

/** The validator goes through the whole document once per operation and media type: what it does not need for requests costs seconds at start. */
const keepRequests = (document: Mutable): void => {
  for (const pathItem of objectsIn(document['paths'])) {
    for (const parameter of objectsIn(pathItem['parameters'])) delete parameter['examples'];
    objectsIn(pathItem).forEach(keepRequestOf);
  }
  const components = (document['components'] ?? {}) as Mutable;
  for (const body of objectsIn(components['requestBodies'])) withoutExamples(body['content']);
  for (const parameter of objectsIn(components['parameters'])) delete parameter['examples'];
  document['components'] = componentsFor(document['paths'], components);
};

/**
 * The copy of a specification for the validator of requests. Arrays marked `x-verdict-per-item` hold anything (the gate counts, the
 * vetting judges item by item); queries may hold reserved characters as they are; security schemes lose their form, because our
 * authenticators have judged the credential before and the validator only asserts that they did; servers go, because requests are
 * matched by path alone; answers, which `answer-check.ts` judges, and examples go.
 */
export const relaxed = (spec: Spec): JsonObject => {
  const document = structuredClone<Mutable>(spec.document);
  delete document['servers'];
  delete document['webhooks'];
  keepRequests(document);
  walk(document, relax);
  bodiesAreOptionalUnlessRequired(document);
  const asserted = { type: 'openIdConnect', openIdConnectUrl: 'https://judged.invalid/' };
  (document['components'] as Mutable)['securitySchemes'] = Object.fromEntries([...spec.securitySchemes.keys()].map((name) => [name, asserted]));
  return document;
};
