interface Specification {
  readonly paths: object;
  readonly components: { readonly schemas: object };
}

/**
 * The contract of an upstream with some schemas replaced by what the BFF cannot do without. Upstreams of other vendors keep to the
 * original public contract, which promises less than ours; what else they answer is read member by member.
 */
export const needing = ({ paths, components, ...rest }: Specification, schemas: Readonly<Record<string, object>>, morePaths: object = {}): object => ({
  ...rest,
  paths: { ...paths, ...morePaths },
  components: { ...components, schemas: { ...components.schemas, ...schemas } },
});
