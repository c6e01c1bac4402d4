import { invalid } from '../../base/helpers.errors.js';
import { crc32 } from './helpers.crc32.js';
import { inflate } from './helpers.inflating.js';
import { isDeflated } from './helpers.zipfields.js';
import type { IZipKept } from './interfaces.zip.js';

/** The content of a kept file. Throws `invalid` if it is not exactly what its header says. */
export const unpackKept = async (noun: string, { path, header, packed }: IZipKept): Promise<Buffer> => {
  const { size, crc } = header;
  const damaged = (cause?: unknown) => invalid(`${noun} has a damaged ${path}`, cause);
  let content = packed;
  if (isDeflated(header, packed.length)) {
    content = await inflate(packed, size).catch((cause: unknown) => {
      throw damaged(cause);
    });
  }
  if (content.length !== size || crc32(content) !== crc) throw damaged();
  return content;
};
