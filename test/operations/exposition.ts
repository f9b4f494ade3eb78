/** One series as a scrape shows it. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Everything that a scrape shows: series by name, and what is said of each family. */
export interface Exposition {
  readonly series: ReadonlyMap<string, readonly Series[]>;
  readonly families: ReadonlyMap<string, { readonly type: string; readonly help: string }>;
}

const labelsIn = (text: string): Record<string, string> => Object.fromEntries([...text.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g)].map(([, name = '', value = '']) => [name, value]));

/** Reads Prometheus' text format (version 0.0.4); throws for a line that is none. */
export const readExposition = (text: string): Exposition => {
  const series = new Map<string, Series[]>();
  const families = new Map<string, { type: string; help: string }>();
  for (const line of text.split('\n')) {
    const [, kind, family = '', said = ''] = /^# (HELP|TYPE) (\S+) ?(.*)$/.exec(line) ?? [];
    if (kind !== undefined) families.set(family, { type: '', help: '', ...families.get(family), [kind === 'TYPE' ? 'type' : 'help']: said });
    if (line === '' || line.startsWith('#')) continue;
    const [, name, labels = '', value] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (name === undefined) throw new Error(`no line of metrics: ${line}`);
    series.set(name, [...(series.get(name) ?? []), { labels: labelsIn(labels), value: Number(value) }]);
  }
  return { series, families };
};
