const WORTH_COMPRESSING = 1024;

/** What is sent of a JSON text: compressed where the platform can, else as it is. */
export interface UploadBody {
  readonly body: Uint8Array<ArrayBuffer> | string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Compresses a text with gzip (RFC 1952). Where it throws, the text is sent as it is. */
export type Gzip = (text: string) => Promise<Uint8Array<ArrayBuffer>>;

/** The platform's own: browsers and Node have it, React Native has not. */
export const platformGzip: Gzip | undefined = typeof CompressionStream === 'undefined' || typeof Blob === 'undefined' ? undefined : async (text) => {
  const compressed = new Blob([text]).stream().pipeThrough(new CompressionStream('gzip'));
  return new Uint8Array(await new Response(compressed).arrayBuffer());
};

/** What a compressor makes of a text; undefined where it fails, which would look like a server that is not reached. */
const compressedBy = async (gzip: Gzip, text: string): Promise<Uint8Array<ArrayBuffer> | undefined> => {
  try {
    const compressed = await gzip(text);
    // A native module keeps to no type.
    return ArrayBuffer.isView(compressed) ? compressed : undefined;
  } catch {
    return undefined;
  }
};

/** Compresses a JSON text where there is something that can, and it is long enough to be worth it. */
export const uploadBody = async (text: string, gzip: Gzip | undefined): Promise<UploadBody> => {
  const headers = { 'content-type': 'application/json' };
  const compressed = text.length < WORTH_COMPRESSING || gzip === undefined ? undefined : await compressedBy(gzip, text);
  return compressed === undefined ? { body: text, headers } : { body: compressed, headers: { ...headers, 'content-encoding': 'gzip' } };
};
