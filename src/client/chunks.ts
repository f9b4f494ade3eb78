/** Bounds of one request. */
export interface ChunkBounds {
  readonly items: number;
  /** Bytes of JSON as UTF-8. */
  readonly bytes: number;
}

/** What the BFF recommends (GET /limits). */
export const recommendedChunk: ChunkBounds = { items: 1000, bytes: 1024 * 1024 };

/** Bytes of a text as UTF-8; React Native has no encoder everywhere. */
export const utf8Length = (text: string): number => {
  let bytes = 0;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) bytes += 1;
    else if (unit < 0x800) bytes += 2;
    else if (unit >= 0xd800 && unit < 0xdc00) {
      bytes += 4;
      index += 1;
    } else bytes += 3;
  }
  return bytes;
};

/** Splits items into chunks within bounds, in their order; an item that alone exceeds the bytes is a chunk of its own. */
export function* chunksOf(items: readonly unknown[], bounds: ChunkBounds): Generator<readonly unknown[]> {
  let chunk: unknown[] = [];
  let bytes = 2;
  for (const item of items) {
    // In a list, also what is no JSON is written: as null.
    const length = utf8Length(JSON.stringify([item])) - 1;
    if (chunk.length > 0 && (chunk.length >= bounds.items || bytes + length > bounds.bytes)) {
      yield chunk;
      [chunk, bytes] = [[], 2];
    }
    chunk.push(item);
    bytes += length;
  }
  if (chunk.length > 0) yield chunk;
}
