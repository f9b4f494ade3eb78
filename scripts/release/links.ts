// Code first: what looks like a link in it is none.
const codeOrLink = /(```[^]*?```|`[^`\n]*`)|!?\[((?:[^[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)/g;

/** A page of Markdown in which links and pictures that lead to no file are their text. `isThere` is asked for paths as the page has them. */
export const withoutDeadLinks = (markdown: string, isThere: (path: string) => boolean): string =>
  markdown.replace(codeOrLink, (whole: string, code: string | undefined, text: string | undefined, target: string | undefined) => {
    const [path = ''] = target?.split('#') ?? [];
    return code !== undefined || path === '' || /^[a-z]+:/.test(path) || isThere(decodeURIComponent(path)) ? whole : (text ?? '');
  });
