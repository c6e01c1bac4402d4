import { crc32, deflateRawSync } from 'node:zlib';

/** The fields of a header, before they are written. */
export interface IZipFields {
  name: Buffer;
  flags: number;
  method: number;
  crc: number;
  packedSize: number;
  size: number;
  extra: Buffer;
  /** of the header; only in the central directory */
  offset: number;
  /** upper half: type and mode of the file, as Unix has them */
  attributes: number;
  comment: Buffer;
}

/** One entry of a zip made by hand, so that each of its parts can be wrong. */
export interface IZipPart {
  name: string | Buffer;
  content?: string | Buffer;
  /** default: deflated */
  stored?: boolean;
  /** sizes behind the content: with a signature or without, of 32 or of 64 bits */
  descriptor?: 'signed' | 'unsigned' | 'signed64' | 'unsigned64';
  /** bit 11, the name is UTF-8; default: set if it is not ASCII */
  utf8?: boolean;
  /** type and mode */
  mode?: number;
  extra?: Buffer;
  /** a lie in one of the two headers */
  local?: Partial<IZipFields>;
  central?: Partial<IZipFields>;
  /** bytes that belong to nothing */
  before?: Buffer;
  /** what the archive holds in place of the packed content */
  packed?: Buffer;
  /** left out of the directory, or of the files */
  only?: 'local' | 'central';
}

/** Lies about the whole archive. */
export interface IZipWhole {
  comment?: string | Buffer;
  prefix?: Buffer;
  beforeDirectory?: Buffer;
  suffix?: Buffer;
  zip64?: boolean;
  /** fields of the end: value */
  end?: { disk?: number; count?: number; total?: number; size?: number; start?: number };
  end64?: { length?: number; count?: number; size?: number; start?: number; at?: number; disks?: number };
  /** order of the directory */
  reversed?: boolean;
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
export const u64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};

/** An extra field. */
export const extraField = (id: number, ...data: Buffer[]): Buffer => {
  const bytes = Buffer.concat(data);
  return Buffer.concat([u16(id), u16(bytes.length), bytes]);
};

/** The zip64 extra field with these values. */
export const zip64Field = (...values: number[]): Buffer => extraField(1, ...values.map(u64));

/** Info-ZIP's field with the name in UTF-8; `raw` is the name in the header. */
export const unicodePathField = (name: string, raw: Buffer): Buffer =>
  extraField(0x7075, Buffer.from([1]), u32(crc32(raw)), Buffer.from(name));

const sum = (bytes: Buffer): number => crc32(bytes);

const localHeader = (fields: IZipFields): Buffer =>
  Buffer.concat([
    Buffer.from('PK\x03\x04'),
    u16(20),
    u16(fields.flags),
    u16(fields.method),
    u32(0x21_0000),
    u32(fields.crc),
    u32(fields.packedSize),
    u32(fields.size),
    u16(fields.name.length),
    u16(fields.extra.length),
    fields.name,
    fields.extra,
  ]);

const centralHeader = (fields: IZipFields): Buffer =>
  Buffer.concat([
    Buffer.from('PK\x01\x02'),
    u16(0x0314),
    u16(20),
    u16(fields.flags),
    u16(fields.method),
    u32(0x21_0000),
    u32(fields.crc),
    u32(fields.packedSize),
    u32(fields.size),
    u16(fields.name.length),
    u16(fields.extra.length),
    u16(fields.comment.length),
    u16(0),
    u16(0),
    u32(fields.attributes),
    u32(fields.offset),
    fields.name,
    fields.extra,
    fields.comment,
  ]);

const descriptorOf = (kind: NonNullable<IZipPart['descriptor']>, { crc, packedSize, size }: IZipFields): Buffer => {
  const number = kind.endsWith('64') ? u64 : u32;
  return Buffer.concat([
    kind.startsWith('signed') ? Buffer.from('PK\x07\x08') : Buffer.alloc(0),
    u32(crc),
    number(packedSize),
    number(size),
  ]);
};

/** A zip file of these parts. */
export const zipOf = (parts: IZipPart[], whole: IZipWhole = {}): Buffer => {
  const out: Buffer[] = [whole.prefix ?? Buffer.alloc(0)];
  const directory: Buffer[] = [];
  let at = (out[0] as Buffer).length;
  const push = (bytes: Buffer): void => {
    out.push(bytes);
    at += bytes.length;
  };
  for (const part of parts) {
    const content = Buffer.from((part.content ?? '') as string);
    const packed = part.packed ?? (part.stored ? content : deflateRawSync(content));
    const name = Buffer.from(part.name as string);
    const isAscii = name.every((byte) => byte < 0x80);
    const flags = ((part.utf8 ?? !isAscii) ? 0x800 : 0) | (part.descriptor ? 8 : 0);
    push(part.before ?? Buffer.alloc(0));
    const fields: IZipFields = {
      name,
      flags,
      method: part.stored ? 0 : 8,
      crc: sum(content),
      packedSize: packed.length,
      size: content.length,
      extra: part.extra ?? Buffer.alloc(0),
      offset: at,
      attributes: ((part.mode ?? 0o100644) << 16) >>> 0,
      comment: Buffer.alloc(0),
    };
    if (part.only !== 'local') directory.push(centralHeader({ ...fields, ...part.central }));
    if (part.only === 'central') continue;
    const unknown = part.descriptor ? { crc: 0, packedSize: 0, size: 0 } : {};
    push(localHeader({ ...fields, ...unknown, ...part.local }));
    push(packed);
    if (part.descriptor) push(descriptorOf(part.descriptor, fields));
  }
  push(whole.beforeDirectory ?? Buffer.alloc(0));
  const start = at;
  if (whole.reversed) directory.reverse();
  for (const entry of directory) push(entry);
  const size = at - start;
  const { end = {}, end64 = {} } = whole;
  if (whole.zip64) {
    const record = at;
    push(
      Buffer.concat([
        Buffer.from('PK\x06\x06'),
        u64(end64.length ?? 44),
        u16(45),
        u16(45),
        u32(0),
        u32(0),
        u64(end64.count ?? directory.length),
        u64(end64.count ?? directory.length),
        u64(end64.size ?? size),
        u64(end64.start ?? start),
        Buffer.from('PK\x06\x07'),
        u32(0),
        u64(end64.at ?? record),
        u32(end64.disks ?? 1),
      ]),
    );
  }
  const comment = Buffer.from((whole.comment ?? '') as string);
  push(
    Buffer.concat([
      Buffer.from('PK\x05\x06'),
      u16(end.disk ?? 0),
      u16(end.disk ?? 0),
      u16(end.count ?? directory.length),
      u16(end.total ?? end.count ?? directory.length),
      u32(end.size ?? size),
      u32(end.start ?? start),
      u16(comment.length),
      comment,
    ]),
  );
  push(whole.suffix ?? Buffer.alloc(0));
  return Buffer.concat(out);
};
