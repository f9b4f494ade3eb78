import { SaxesParser } from 'saxes';
import { withoutForbidden } from './forbidden-characters.ts';
import { ImportFault } from './import-fault.ts';

/** One point of a route: degrees, metres, and when. */
export type RoutePoint = readonly [latitude: number, longitude: number, elevation: number | null, time: string | null];

/** The points of a GPX file; none where the archive has no such file. Throws ImportFault for broken XML. */
export const pointsOfRoute = (gpx: Buffer | undefined): RoutePoint[] => {
  if (!gpx) return [];
  const points: RoutePoint[] = [];
  const parser = new SaxesParser();
  let point: { lat: number; lon: number; ele: number | null; time: string | null } | undefined;
  let text = '';
  parser.on('opentag', ({ name, attributes }) => {
    text = '';
    if (name === 'trkpt') point = { lat: Number(attributes['lat']), lon: Number(attributes['lon']), ele: null, time: null };
  });
  parser.on('text', (more) => {
    text += more;
  });
  parser.on('closetag', ({ name }) => {
    if (point && name === 'ele') point.ele = Number(text);
    if (point && name === 'time') point.time = text.trim();
    if (point && name === 'trkpt') points.push([point.lat, point.lon, point.ele, point.time]);
    if (name === 'trkpt') point = undefined;
  });
  parser.on('error', () => {
    throw new ImportFault('The route of a workout is broken XML: export again.');
  });
  parser.write(withoutForbidden(gpx.toString('utf8'))).close();
  return points;
};
