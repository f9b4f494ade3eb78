const WORTH_COMPRESSING = 1024;

/** What is sent of a JSON text: compressed where the platform can, else as it is. */
export interface UploadBody {
  readonly body: Uint8Array<ArrayBuffer> | string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Compresses a text with gzip (RFC 1952). */
export type Gzip = (text: string) => Promise<Uint8Array<ArrayBuffer>>;

/** The platform's own: browsers and Node have it, React Native has not. */
export const platformGzip: Gzip | undefined = typeof CompressionStream === 'undefined' || typeof Blob === 'undefined' ? undefined : async (text) => {
  const compressed = new Blob([text]).stream().pipeThrough(new CompressionStream('gzip'));
  return new Uint8Array(await new Response(compressed).arrayBuffer());
};

/** Compresses a JSON text where there is something to compress with and it is long enough to be worth it. */
export const uploadBody = async (text: string, gzip: Gzip | undefined): Promise<UploadBody> => {
  const headers = { 'content-type': 'application/json' };
  if (text.length < WORTH_COMPRESSING || gzip === undefined) return { body: text, headers };
  return { body: await gzip(text), headers: { ...headers, 'content-encoding': 'gzip' } };
};
