import { promisify } from 'node:util';
import { inflateRaw } from 'node:zlib';
import { invalid } from '../../base/helpers.errors.js';
import { crc32 } from './helpers.crc32.js';
import { isDeflated } from './helpers.zipfields.js';
import type { IZipKept } from './interfaces.zip.js';

interface IInflated {
  buffer: Buffer;
  engine: { bytesWritten: number };
}

/** The engine's count of bytes stops where the deflated content ends. */
const inflate = promisify(
  inflateRaw as (bytes: Buffer, options: object, done: (error: Error | null, found: IInflated) => void) => void,
);

/** The content of a kept file. Throws `invalid` if it is not exactly what its header says. */
export const unpackKept = async (noun: string, { path, header, packed }: IZipKept): Promise<Buffer> => {
  const { size, crc } = header;
  const damaged = (cause?: unknown) => invalid(`${noun} has a damaged ${path}`, cause);
  let content = packed;
  if (isDeflated(header, packed.length)) {
    // not a byte more than was announced is unpacked; a limit of zero is not allowed
    const found = await inflate(packed, { maxOutputLength: Math.max(1, size), info: true }).catch((cause: unknown) => {
      throw damaged(cause);
    });
    if (found.engine.bytesWritten < packed.length) throw damaged();
    content = found.buffer;
  }
  if (content.length !== size || crc32(content) !== crc) throw damaged();
  return content;
};
