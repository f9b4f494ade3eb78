/** A parameter as the kit needs it; `problem` is the code of `x-problem` for a value the schema refuses. */
export interface ParameterInfo {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header' | 'cookie';
  readonly problem?: string;
}

/** What the spec says about one operation. */
export interface OperationInfo {
  readonly id: string;
  /** Upper case. */
  readonly method: string;
  /** Path as written in the spec, without trailing slash. */
  readonly template: string;
  /** Alternatives; each lists the scheme names that must all hold, an empty list needs no credential. Undefined = not declared. */
  readonly security: readonly (readonly string[])[] | undefined;
  /** Marked `x-platform`: answered by the kit itself. */
  readonly platform: boolean;
  readonly parameters: readonly ParameterInfo[];
  /** `judgesItems`: the elements of an array are judged one by one (`x-verdict-per-item`). `fileParts`: members whose text is bytes (`contentMediaType`). */
  readonly request?: { readonly required: boolean; readonly judgesItems: boolean; readonly fileParts: readonly string[]; readonly mediaTypes: readonly string[]; readonly maxItems?: number };
  /** Headers of all its answers when it is deprecated: since when, and from when it may be gone. */
  readonly deprecation?: { readonly Deprecation: string; readonly Sunset: string };
  /** By status as written (`200`, `404`). */
  readonly responses: ReadonlyMap<string, { readonly mediaTypes: readonly string[]; readonly mayBeEmpty: boolean }>;
}
