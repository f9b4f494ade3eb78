/** Where a page begins: a sample in the order of the list, and how many of its Observations came before. */
export interface PagePlace {
  readonly recordedAt: number;
  readonly _id: string;
  readonly passed: number;
}

/** A place as text that clients hand back as it is. */
export const writePlace = ({ recordedAt, _id, passed }: PagePlace): string => Buffer.from(`${String(recordedAt)}.${_id}.${String(passed)}`).toString('base64url');

/** Reads a place; undefined when nobody wrote it here. */
export const readPlace = (text: string): PagePlace | undefined => {
  const match = /^(-?\d{1,14})\.([0-9a-f]{32})\.(\d{1,3})$/.exec(Buffer.from(text, 'base64url').toString('latin1'));
  return match ? { recordedAt: Number(match[1]), _id: match[2] ?? '', passed: Number(match[3]) } : undefined;
};
