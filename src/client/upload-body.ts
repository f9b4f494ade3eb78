const WORTH_COMPRESSING = 1024;

/** What is sent of a JSON text: compressed where the platform can, else as it is. */
export interface UploadBody {
  readonly body: Uint8Array<ArrayBuffer> | string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Compresses a JSON text with gzip where the platform has CompressionStream (browsers, Node; not React Native). */
export const uploadBody = async (text: string): Promise<UploadBody> => {
  const headers = { 'content-type': 'application/json' };
  if (text.length < WORTH_COMPRESSING || typeof CompressionStream === 'undefined' || typeof Blob === 'undefined') return { body: text, headers };
  const compressed = new Blob([text]).stream().pipeThrough(new CompressionStream('gzip'));
  return { body: new Uint8Array(await new Response(compressed).arrayBuffer()), headers: { ...headers, 'content-encoding': 'gzip' } };
};
