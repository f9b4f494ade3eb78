import { createWriteStream, readFileSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';
import { unzipped } from '../setup/unzipped.ts';

/** Writes an archive anew with its files as `change` leaves them. */
export const rewritten = async (from: string, to: string, change: (files: Map<string, Buffer>) => void): Promise<void> => {
  const files = await unzipped(readFileSync(from));
  change(files);
  const zip = new ZipFile();
  for (const [name, bytes] of files) zip.addBuffer(bytes, name, { compress: false });
  zip.end();
  await pipeline(zip.outputStream, createWriteStream(to));
};

/** What an archive tells of itself. */
export const manifestOf = async (path: string): Promise<Record<string, unknown>> => JSON.parse((await unzipped(readFileSync(path))).get('manifest.json')?.toString('utf8') ?? '{}') as Record<string, unknown>;

/** Changes the manifest of an archive. */
export const withManifest = (change: (manifest: Record<string, unknown>) => Record<string, unknown>) => (files: Map<string, Buffer>): void => {
  const manifest = JSON.parse(files.get('manifest.json')?.toString('utf8') ?? '{}') as Record<string, unknown>;
  files.set('manifest.json', Buffer.from(JSON.stringify(change(manifest))));
};
