import MarkdownIt, { type Token } from 'markdown-it';
import { inHtml } from '../../src/http/documentation.ts';

/** A heading of a page, with the name that links lead to. */
export interface Heading {
  readonly level: number;
  readonly text: string;
  readonly anchor: string;
}

/** A page of Markdown as HTML. */
export interface RenderedPage {
  readonly title: string;
  readonly headings: readonly Heading[];
  readonly html: string;
  /** Targets of links and pictures as they were written. */
  readonly links: readonly string[];
}

/** What a link becomes: another address, or nothing where it leads to no page; then its text stays. */
export type LinkRewriting = (target: string) => string | undefined;

const parser = new MarkdownIt({ html: false, linkify: false });

/** The name of a heading as GitHub makes it: lower case, without punctuation, hyphens for spaces. */
const anchorOf = (text: string): string => text.toLowerCase().replace(/[^\p{L}\p{N}\p{M}_\- ]/gu, '').replaceAll(' ', '-');

const textOf = (token: Token | undefined): string => (token?.children ?? []).filter(({ type }) => type === 'text' || type === 'code_inline').map(({ content }) => content).join('');

const namedHeadings = (tokens: readonly Token[]): Heading[] => {
  const taken = new Map<string, number>();
  return tokens.flatMap((token, index) => {
    if (token.type !== 'heading_open') return [];
    const text = textOf(tokens[index + 1]);
    const anchor = anchorOf(text);
    const before = taken.get(anchor) ?? 0;
    taken.set(anchor, before + 1);
    return [{ level: Number(token.tag.slice(1)), text, anchor: before === 0 ? anchor : `${anchor}-${String(before)}` }];
  });
};

const inlineTokens = (tokens: readonly Token[]): Token[] => tokens.flatMap((token) => token.children ?? []);

/** Links that lead to no page lose their mark and keep their text. */
const rewrite = (children: readonly Token[], rewriting: LinkRewriting): Token[] => {
  const kept: boolean[] = [];
  return children.filter((token) => {
    if (token.type === 'link_close') return kept.pop() ?? true;
    if (token.type !== 'link_open') return true;
    const target = rewriting(String(token.attrGet('href') ?? ''));
    if (target !== undefined) token.attrSet('href', target);
    kept.push(target !== undefined);
    return target !== undefined;
  });
};

/** Diagrams are shown in the notation they are written in: drawing them would take a library of a megabyte. */
const defaultFence = parser.renderer.rules.fence?.bind(parser.renderer.rules);
parser.renderer.rules.fence = (tokens, index, options, environment, self) => {
  const token = tokens[index];
  if (token?.info === 'mermaid') return `<figure class="diagram"><pre tabindex="0"><code>${inHtml(token.content)}</code></pre><figcaption>A diagram in the notation of Mermaid</figcaption></figure>\n`;
  return (defaultFence?.(tokens, index, options, environment, self) ?? '').replace('<pre>', '<pre tabindex="0">');
};
// Wide tables scroll by themselves, not the page; the keyboard reaches them.
parser.renderer.rules.table_open = () => '<div class="wide" tabindex="0"><table>\n';
parser.renderer.rules.table_close = () => '</table></div>\n';

/** Renders a page of Markdown; raw HTML in it is shown as text. */
export const renderPage = (markdown: string, rewriting: LinkRewriting = (target) => target): RenderedPage => {
  const tokens = parser.parse(markdown, {});
  const headings = namedHeadings(tokens);
  tokens.filter(({ type }) => type === 'heading_open').forEach((token, index) => token.attrSet('id', headings[index]?.anchor ?? ''));
  const links = inlineTokens(tokens).flatMap((token): string[] => {
    const target = token.type === 'link_open' ? token.attrGet('href') : token.type === 'image' ? token.attrGet('src') : null;
    return target === null ? [] : [String(target)];
  });
  for (const token of tokens) if (token.children) token.children = rewrite(token.children, rewriting);
  return { title: headings[0]?.text ?? '', headings, links, html: parser.renderer.render(tokens, parser.options, {}) };
};
