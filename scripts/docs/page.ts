import { inHtml } from '../../src/http/documentation.ts';

/** An entry of the menu; `page` is its path in the site. */
export interface MenuEntry {
  readonly page: string;
  readonly name: string;
}

export interface MenuGroup {
  readonly name: string;
  readonly entries: readonly MenuEntry[];
}

/** A page of the site as a person sees it, but for the menu. */
export interface SitePage {
  readonly page: string;
  readonly title: string;
  /** HTML of its main part. */
  readonly body: string;
}

/** There is no script, and nothing is asked of another host. */
const POLICY = "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'";

/** How a page reaches the top of the site. */
const upFrom = (page: string): string => '../'.repeat(page.split('/').length - 1);

/** The address of one page of the site as another one names it. */
export const addressFrom = (page: string, target: string): string => `${upFrom(page)}${target}`;

const groupOf = (page: string, { name, entries }: MenuGroup): string => {
  const items = entries.map((entry) => `<li><a href="${addressFrom(page, entry.page)}"${entry.page === page ? ' aria-current="page"' : ''}>${inHtml(entry.name)}</a></li>`);
  const isOpen = name !== 'Decisions' || entries.some((entry) => entry.page === page);
  return `<details${isOpen ? ' open' : ''}><summary>${inHtml(name)}</summary><ul>\n${items.join('\n')}\n</ul></details>`;
};

/** A whole page with the menu beside it. */
export const framed = ({ page, title, body }: SitePage, menu: readonly MenuGroup[]): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${addressFrom(page, 'style.css')}">
<title>${inHtml(title === 'Vitalgate' ? title : `${title} · Vitalgate`)}</title>
</head>
<body>
<a class="skip" href="#main">Skip to the text</a>
<div class="frame">
<nav aria-label="Pages">
<a class="home" href="${addressFrom(page, 'index.html')}">Vitalgate</a>
${menu.map((group) => groupOf(page, group)).join('\n')}
</nav>
<main id="main">
${body}</main>
</div>
</body>
</html>
`;
