/** What an element may hold; nothing is said by leaving it out. */
export type Child = Node | string | false | undefined;

type Attribute = string | number | boolean | undefined | ((event: Event) => unknown);

const setAttribute = (node: Element, name: string, value: Attribute): void => {
  if (typeof value === 'function') node.addEventListener(name.slice(2), value);
  else if (value !== undefined && value !== false) node.setAttribute(name, value === true ? '' : String(value));
};

const fill = (node: Element, children: readonly Child[]): void => {
  for (const child of children) if (child !== undefined && child !== false) node.append(child);
};

/** Makes an element; texts stay texts, and `onclick` and the like are listeners. */
export const element = <Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag, attributes: Readonly<Record<string, Attribute>> = {}, ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(node, name, value);
  fill(node, children);
  return node;
};

/** Puts children in place of what an element holds. */
export const show = (node: Element, ...children: readonly Child[]): void => {
  node.replaceChildren();
  fill(node, children);
};

/** Puts children in place of what an element holds; who had the focus on a part that has a `data-key` has it on its successor. */
export const showAgain = (node: Element, ...children: readonly Child[]): void => {
  const { activeElement } = document;
  const key = activeElement !== null && node.contains(activeElement) ? activeElement.getAttribute('data-key') : null;
  show(node, ...children);
  if (key !== null) node.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
};

const SVG = 'http://www.w3.org/2000/svg';

/** A drawing of lines on a square of 24, which says nothing to who listens. */
export const drawing = (path: string, name = 'icon'): SVGSVGElement => {
  const svg = document.createElementNS(SVG, 'svg');
  const line = document.createElementNS(SVG, 'path');
  line.setAttribute('d', path);
  svg.append(line);
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', name);
  svg.setAttribute('aria-hidden', 'true');
  return svg;
};
