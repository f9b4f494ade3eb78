import { slicesAt } from '../../../http/json-nulls.ts';
import { membersOf } from '../../domain/rule.ts';

/** What names a device or a delivery; senders write some of it as numbers. */
const names = [['metadata', 'correlationId'], ...[['device'], ['measurements', 'device']].flatMap((device) => ['id', 'serialNumber', 'IMEI'].map((name) => [...device, name]))];

const at = (value: unknown, path: readonly string[]): unknown => path.reduce<unknown>((within, name) => membersOf(within)[name], value);

const replaced = (value: unknown, [name = '', ...below]: readonly string[], text: string): Record<string, unknown> =>
  ({ ...membersOf(value), [name]: below.length === 0 ? text : replaced(membersOf(value)[name], below, text) });

/**
 * A parsed delivery in Medisanté JSON with each of its names as its bytes have it: one that is a number becomes text where numbers beyond
 * 2^53 run together, because the serial number of one device would be read as that of its neighbour.
 */
export const withExactNames = (value: unknown, bytes: Buffer): unknown => {
  const rounded = names.filter((path) => {
    const name = at(value, path);
    return typeof name === 'number' && !Number.isSafeInteger(name);
  });
  if (rounded.length === 0) return value;
  const pointers = new Map(rounded.map((path) => [`/${path.join('/')}`, path]));
  return [...slicesAt(bytes, [...pointers.keys()])].reduce((document, [pointer, { start, end }]) => replaced(document, pointers.get(pointer) ?? [], bytes.toString('utf8', start, end)), value);
};
