import type { ChartedExtent, Device } from '../../../generated/bff.d.ts';
import { chartPanel } from './chart-panel.ts';
import { dayMs } from './chart-span.ts';
import { element } from './element.ts';
import { icons } from './icons.ts';
import { nothing } from './notice.ts';
import type { Place } from './place.ts';
import { api, bodyOf, isNotSupported } from './service.ts';
import { shortDayOf } from './time-words.ts';
import { typeTitle } from './type-words.ts';

const usual = ['heart-rate', 'blood-pressure', 'body-weight', 'body-temperature', 'oxygen-saturation', 'blood-glucose', 'step-count', 'respiratory-rate'];
const isoDay = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/** What there is to chart; where the installation cannot tell, what people measure most. */
const extentsOf = async (): Promise<readonly ChartedExtent[]> => {
  try {
    return await bodyOf<readonly ChartedExtent[]>(api.GET('/chart-data/types'));
  } catch (error) {
    if (!isNotSupported(error)) throw error;
    return usual.map((normalizedDataType) => ({ normalizedDataType, firstDay: isoDay(Date.now() - 365 * dayMs), lastDay: isoDay(Date.now()) }));
  }
};

const namesOfDevices = async (): Promise<ReadonlyMap<string, string>> =>
  new Map((await bodyOf<readonly Device[]>(api.GET('/devices'))).flatMap(({ deviceId, name }) => (name === undefined ? [] : [[deviceId, name]])));

const linkTo = ({ normalizedDataType, lastDay }: ChartedExtent, isOpen: boolean): HTMLElement =>
  element('li', {}, element('a', { href: `#charts/${normalizedDataType}`, 'aria-current': isOpen && 'true' },
    element('span', {}, typeTitle(normalizedDataType)), element('small', {}, shortDayOf(`${lastDay}T12:00:00Z`))));

/** For narrow screens, where a list would push the chart away. */
const picker = (extents: readonly ChartedExtent[], open: string): HTMLElement => {
  const select = element('select', { onchange: () => {
    location.hash = `charts/${select.value}`;
  } }, ...extents.map(({ normalizedDataType: value }) => element('option', { value, selected: value === open }, typeTitle(value))));
  return element('label', { class: 'chooser type-picker' }, element('span', {}, 'Measurement'), select);
};

/** Own charts: the types that were measured, and one of them drawn. */
export const chartView = async ({ rest, onFault }: Place): Promise<HTMLElement> => {
  const [extents, devices] = await Promise.all([extentsOf(), namesOfDevices()]);
  const extent = extents.find(({ normalizedDataType }) => normalizedDataType === rest) ?? extents.find(({ normalizedDataType }) => normalizedDataType === 'heart-rate') ?? extents[0];
  if (extent === undefined) {
    return element('div', { class: 'card' }, element('h1', { tabindex: -1 }, 'Charts'),
      nothing(icons.chart, 'Nothing was measured yet', 'Values appear here within seconds after your app or device has sent some. ', element('a', { href: '#devices' }, 'Look at your devices')));
  }
  return element('div', { class: 'charts' },
    element('nav', { class: 'types', 'aria-label': 'Measurements' }, element('ul', {}, ...extents.map((one) => linkTo(one, one === extent)))),
    picker(extents, extent.normalizedDataType), chartPanel({ extent, devices, onFault }));
};
