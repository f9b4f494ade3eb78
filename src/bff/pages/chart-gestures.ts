import type uPlot from 'uplot';
import { moved, zoomed, type Span } from './chart-span.ts';

/** What fingers do: `during` shows it at once, `after` is told where they left off. */
export interface Gestures {
  readonly during: (span: Span) => void;
  readonly after: (span: Span) => void;
}

const stillPixels = 8;

interface Touch {
  readonly startX: number;
  readonly nowX: number;
}

/** One finger moves the time, two fingers stretch it. */
const spanUnder = (touches: readonly Touch[], start: Span, left: number, width: number): Span => {
  const [first, second] = touches;
  if (first === undefined) return start;
  if (second === undefined) return moved(start, (first.startX - first.nowX) / width);
  const apart = (a: number, b: number): number => Math.max(10, Math.abs(a - b));
  const by = apart(first.startX, second.startX) / apart(first.nowX, second.nowX);
  const centre = start.from + ((start.to - start.from) * ((first.startX + second.startX) / 2 - left)) / width;
  return zoomed(start, by, centre);
};

/** Lets fingers, and a wheel with the control key, move and stretch the time of a plot; fingers up and down scroll the page. */
export const listenToGestures = (plot: uPlot, span: Span, { during, after }: Gestures): void => {
  const { over } = plot;
  const touches = new Map<number, Touch>();
  let shown: Span | undefined;
  const place = (): { left: number; width: number } => over.getBoundingClientRect();
  over.addEventListener('pointerdown', ({ pointerType, pointerId, clientX }) => {
    if (pointerType === 'touch') touches.set(pointerId, { startX: clientX, nowX: clientX });
  });
  over.addEventListener('pointermove', ({ pointerId, clientX }) => {
    const touch = touches.get(pointerId);
    if (touch === undefined) return;
    touches.set(pointerId, { ...touch, nowX: clientX });
    const isStill = touches.size === 1 && shown === undefined && Math.abs(clientX - touch.startX) < stillPixels;
    if (isStill) return;
    const { left, width } = place();
    shown = spanUnder([...touches.values()], span, left, width);
    during(shown);
  });
  const end = ({ pointerId }: PointerEvent): void => {
    touches.delete(pointerId);
    if (touches.size > 0 || shown === undefined) return;
    after(shown);
    shown = undefined;
  };
  for (const name of ['pointerup', 'pointercancel'] as const) over.addEventListener(name, end);
  over.addEventListener('wheel', (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    const { left, width } = place();
    after(zoomed(span, event.deltaY > 0 ? 1.4 : 1 / 1.4, span.from + ((span.to - span.from) * (event.clientX - left)) / width));
  }, { passive: false });
};
