import { crc32, deflateRawSync } from 'node:zlib';

/** One file of an archive, and what is unusual about it. */
export interface ZipEntry {
  readonly name: string;
  readonly bytes: Buffer;
  readonly encrypted?: boolean;
  /** Sizes stand behind the bytes, as streaming writers do it. */
  readonly descriptor?: boolean;
  /** Sizes and offset stand in a field of 64 bits. */
  readonly zip64?: boolean;
}

const u16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
};
const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const u64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};

/** An archive of entries, deflated (APPNOTE 6.3, sections 4.3.7 to 4.3.16). */
export const zipOf = (entries: readonly ZipEntry[]): Buffer => {
  const [files, directory]: [Buffer[], Buffer[]] = [[], []];
  let offset = 0;
  for (const { name, bytes, encrypted = false, descriptor = false, zip64 = false } of entries) {
    const [data, crc, label] = [deflateRawSync(bytes), crc32(bytes), Buffer.from(name)];
    const flags = u16((encrypted ? 1 : 0) | (descriptor ? 8 : 0) | 0x800);
    const sizes = [u32(crc), u32(data.length), u32(bytes.length)];
    const local = Buffer.concat([u32(0x04034b50), u16(45), flags, u16(8), u32(0), ...(descriptor ? [u32(0), u32(0), u32(0)] : sizes), u16(label.length), u16(0), label]);
    const behind = descriptor ? Buffer.concat([u32(0x08074b50), ...sizes]) : Buffer.alloc(0);
    const extra = zip64 ? Buffer.concat([u16(1), u16(24), u64(bytes.length), u64(data.length), u64(offset)]) : Buffer.alloc(0);
    directory.push(Buffer.concat([
      u32(0x02014b50), u16(45), u16(45), flags, u16(8), u32(0), u32(crc), u32(zip64 ? 0xffffffff : data.length), u32(zip64 ? 0xffffffff : bytes.length),
      u16(label.length), u16(extra.length), u16(0), u16(0), u16(0), u32(0), u32(zip64 ? 0xffffffff : offset), label, extra,
    ]));
    files.push(local, data, behind);
    offset += local.length + data.length + behind.length;
  }
  const central = Buffer.concat(directory);
  const end64 = entries.some(({ zip64 }) => zip64 === true)
    ? Buffer.concat([u32(0x06064b50), u64(44), u16(45), u16(45), u32(0), u32(0), u64(entries.length), u64(entries.length), u64(central.length), u64(offset), u32(0x07064b50), u32(0), u64(offset + central.length), u32(1)])
    : Buffer.alloc(0);
  const isWide = end64.length > 0;
  const end = Buffer.concat([u32(0x06054b50), u16(0), u16(0), u16(isWide ? 0xffff : entries.length), u16(isWide ? 0xffff : entries.length), u32(isWide ? 0xffffffff : central.length), u32(isWide ? 0xffffffff : offset), u16(0)]);
  return Buffer.concat([...files, central, end64, end]);
};
