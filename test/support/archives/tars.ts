import { gzipSync } from 'node:zlib';

/** One entry of a tar archive made by hand, so that each of its fields can be wrong. */
export interface ITarPart {
  name: string;
  content?: string | Buffer;
  /** the type byte; default `0`, a file */
  type?: string;
  linkname?: string;
  /** what the size field says, if it is not the truth */
  size?: number;
  /** `ustar\0` + `00` (default), or `ustar  \0` as GNU tar writes it */
  magic?: string;
  /** changes the header before its checksum is made */
  edit?: (header: Buffer) => void;
}

const BLOCK = 512;

const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc(-bytes.length & (BLOCK - 1))]);

/** A header and its content, in whole blocks. */
export const tarPart = ({ name, content = '', type = '0', linkname = '', size, magic, edit }: ITarPart): Buffer => {
  const bytes = Buffer.from(content as string);
  const header = Buffer.alloc(BLOCK);
  header.write(name, 0, 100);
  header.write('0000644\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${(size ?? bytes.length).toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write(type, 156);
  header.write(linkname, 157, 100);
  header.write(magic ?? 'ustar\x0000', 257, 'latin1');
  edit?.(header);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, padded(bytes)]);
};

/** A pax header for the next entry (`x`) or for all that follow (`g`). */
export const paxPart = (fields: Record<string, string>, type = 'x'): Buffer => {
  const records = Object.entries(fields).map(([key, value]) => {
    const rest = ` ${key}=${value}\n`;
    let length = Buffer.byteLength(rest) + 1;
    while (Buffer.byteLength(`${length}${rest}`) !== length) length += 1;
    return `${length}${rest}`;
  });
  return tarPart({ name: 'PaxHeaders/x', type, content: records.join('') });
};

/** The two empty blocks at the end of an archive. */
export const TAR_END = Buffer.alloc(2 * BLOCK);

/** A whole tar archive, not packed. */
export const tarOf = (...parts: (ITarPart | Buffer)[]): Buffer =>
  Buffer.concat([...parts.map((part) => (Buffer.isBuffer(part) ? part : tarPart(part))), TAR_END]);

/** A whole tar.gz. */
export const tarGzOf = (...parts: (ITarPart | Buffer)[]): Buffer => gzipSync(tarOf(...parts));
