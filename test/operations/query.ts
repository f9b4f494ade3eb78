import { parser } from '@prometheus-io/lezer-promql';

/** A metric that a query of PromQL asks for. */
export interface Selector {
  readonly metric: string;
  readonly matchers: readonly { readonly label: string; readonly operator: string; readonly value: string }[];
}

/** What a query asks for; `grouped` are the labels that it keeps. Throws for text that is no PromQL. */
export const readQuery = (query: string): { readonly selectors: readonly Selector[]; readonly grouped: readonly string[] } => {
  const selectors: { metric: string; matchers: { label: string; operator: string; value: string }[] }[] = [];
  const grouped: string[] = [];
  parser.parse(query).iterate({
    enter: (node) => {
      const text = query.slice(node.from, node.to);
      if (node.type.isError) throw new Error(`no PromQL at ${String(node.from)}: ${query}`);
      if (node.name === 'VectorSelector') selectors.push({ metric: /^[\w:]*/.exec(text)?.[0] ?? '', matchers: [] });
      if (node.name === 'UnquotedLabelMatcher') {
        const [, label = '', operator = '', value = ''] = /^(\w+)\s*(=~|!~|!=|=)\s*"(.*)"$/s.exec(text) ?? [];
        selectors.at(-1)?.matchers.push({ label, operator, value });
      }
      if (node.name === 'GroupingLabels') grouped.push(...text.replaceAll(/[()\s]/g, '').split(',').filter((label) => label !== ''));
    },
  });
  return { selectors, grouped };
};
