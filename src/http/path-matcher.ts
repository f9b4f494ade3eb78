import type { OperationInfo } from './operation-info.ts';

/** What a method and a path lead to. `path` is the request's path as the validator shall see it. */
export type Match =
  | { readonly kind: 'operation'; readonly operation: OperationInfo; readonly path: string }
  | { readonly kind: 'method-not-allowed'; readonly allow: readonly string[] }
  | { readonly kind: 'not-found' };

interface Route {
  readonly segments: readonly string[];
  readonly byMethod: ReadonlyMap<string, OperationInfo>;
}

const isParameter = (segment: string): boolean => segment.startsWith('{');

const segmentsOf = (path: string): string[] => path.slice(1).split('/');

/** Sorts static segments before parameters, position by position. */
const byPrecedence = (a: Route, b: Route): number => {
  for (const [index, segment] of a.segments.entries()) {
    const difference = Number(isParameter(segment)) - Number(isParameter(b.segments[index] ?? ''));
    if (difference !== 0) return difference;
  }
  return 0;
};

const routesOf = (operations: readonly OperationInfo[]): Route[] =>
  [...Map.groupBy(operations, ({ template }) => template)]
    .map(([template, group]) => ({
      segments: segmentsOf(template),
      byMethod: new Map(group.map((operation) => [operation.method, operation])),
    }))
    .sort(byPrecedence);

const fits = (route: Route, segments: readonly string[]): boolean =>
  route.segments.length === segments.length &&
  route.segments.every((expected, index) => (isParameter(expected) ? segments[index] !== '' : expected === segments[index]));

/**
 * Matches paths to operations: case-sensitive, static segments win over parameters, one trailing slash is ignored, and the
 * segment of `{format}` is lower-cased. The first path that fits decides; its methods make the Allow list.
 */
export const createMatcher = (operations: readonly OperationInfo[]): ((method: string, path: string) => Match) => {
  const routes = routesOf(operations);
  return (method, path) => {
    const trimmed = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
    const segments = segmentsOf(trimmed);
    const route = routes.find((candidate) => fits(candidate, segments));
    if (route === undefined) return { kind: 'not-found' };
    const operation = route.byMethod.get(method);
    if (operation === undefined) return { kind: 'method-not-allowed', allow: [...route.byMethod.keys()] };
    const canonical = segments.map((segment, index) => (route.segments[index] === '{format}' ? segment.toLowerCase() : segment));
    return { kind: 'operation', operation, path: `/${canonical.join('/')}` };
  };
};
