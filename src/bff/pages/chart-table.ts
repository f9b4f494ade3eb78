import type { Line } from './chart-lines.ts';
import { whenOf } from './chart-span.ts';
import { element } from './element.ts';
import { valueText } from './number-words.ts';

const mostRows = 500;

const tableOf = (line: Line): HTMLElement => {
  const isBucketed = line.bucketMs !== undefined;
  const heads = ['When', `${isBucketed ? (line.isSum ? 'Sum' : 'Mean') : 'Value'}${line.unit === '' ? '' : ` (${line.unit})`}`, ...(isBucketed ? ['Lowest', 'Highest', 'Values'] : [])];
  const rows = [...line.points].reverse().slice(0, mostRows).map((point) => {
    const cells = [valueText(point.y), ...(isBucketed ? [valueText(point.min), valueText(point.max), valueText(point.count)] : [])];
    return element('tr', {}, element('th', { scope: 'row' }, whenOf(point.x, line.bucketMs)), ...cells.map((text) => element('td', {}, text)));
  });
  return element('table', {}, element('caption', {}, line.name),
    element('thead', {}, element('tr', {}, ...heads.map((text) => element('th', { scope: 'col' }, text)))), element('tbody', {}, ...rows));
};

/** The same points as tables, latest first, made when somebody opens them; `onToggle` is told whether they are open. */
export const tablesOf = (lines: readonly Line[], isOpen: boolean, onToggle: (isOpen: boolean) => void): HTMLElement => {
  const region = element('div', { class: 'table-region', role: 'region', 'aria-label': 'Values of the chart', tabindex: 0 });
  const details: HTMLDetailsElement = element('details', {
    class: 'as-table',
    open: isOpen,
    ontoggle: () => {
      onToggle(details.open);
      if (region.childElementCount === 0) region.append(...lines.filter(({ points }) => points.length > 0).map(tableOf));
    },
  }, element('summary', { 'data-key': 'table' }, 'Show the values as a table'), region);
  return details;
};
