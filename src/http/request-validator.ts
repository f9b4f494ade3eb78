import type { Request, RequestHandler } from 'express';
import * as OpenApiValidator from 'express-openapi-validator';
import type { Exchanges } from './exchange.ts';
import { relaxed } from './relaxed-spec.ts';
import type { JsonObject, Spec } from './spec.ts';

interface ShownToValidator extends Request {
  openapi?: { readonly pathParams: object };
}

/**
 * The validator looks for the operation among all paths, and compiles the pattern of each anew for each request. What it found for an
 * operation whose path has no parameters is the same each time.
 */
const foundOnce = ({ of }: Exchanges) => {
  const found = new Map<string, object>();
  return (lookUp: RequestHandler): RequestHandler => (request: ShownToValidator, response, next) => {
    const { operation } = of(request);
    const known = operation && found.get(operation.id);
    if (known !== undefined) {
      request.openapi = { ...known, pathParams: {} };
      request.params = {};
      next();
      return;
    }
    const passOn = next as (...words: unknown[]) => void;
    void lookUp(request, response, (...words: unknown[]) => {
      if (request.openapi && operation && !operation.template.includes('{')) found.set(operation.id, request.openapi);
      passOn(...words);
    });
  };
};

/** The validator matched by itself: it must have come to the same operation. */
const agreesWithMatch = ({ of }: Exchanges): RequestHandler => (request, _response, next) => {
  const seen = (request as { openapi?: { openApiRoute?: string } }).openapi?.openApiRoute;
  const { operation } = of(request);
  if (seen !== operation?.template) throw new Error(`The validator matched ${String(seen)} for ${String(operation?.id)}.`);
  next();
};

/**
 * Checks requests that were admitted against the specification: parameters, headers, body, and that a caller was found where one must
 * be. It sees the operation that was matched before, and says so when it comes to another one.
 */
export const requestValidator = ({ spec, exchanges }: { readonly spec: Spec; readonly exchanges: Exchanges }): RequestHandler[] => {
  const isAuthenticated = (request: Request): boolean => exchanges.of(request).authenticated !== undefined;
  const document: JsonObject = relaxed(spec);
  const steps = OpenApiValidator.middleware({
    apiSpec: document as never,
    useRequestUrl: true,
    validateRequests: { removeAdditional: false, coerceTypes: false, allowUnknownQueryParameters: false },
    validateResponses: false, // `judgeOf`, below
    validateSecurity: { handlers: Object.fromEntries([...spec.securitySchemes.keys()].map((name) => [name, isAuthenticated])) },
    fileUploader: false,
    ignoreUndocumented: false,
  });
  const lookUp = steps.find(({ name }) => name === 'metadataMiddleware');
  if (!lookUp) throw new Error('The validator has no step that looks for the operation.');
  const remembering = foundOnce(exchanges);
  return [...steps.map((step) => (step === lookUp ? remembering(step) : step)), agreesWithMatch(exchanges)];
};
