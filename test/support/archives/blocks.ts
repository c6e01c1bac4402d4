import { crc32 } from 'node:zlib';
import { noise } from '../noise.js';

/** Content of any length is this block again and again. */
export const BLOCK = noise('a block', 64 * 1024);

/** The checksum of a number of bytes of blocks. */
export const crcOfBlocks = (size: number): number => {
  let crc = 0;
  for (let at = 0; at < size; at += BLOCK.length) crc = crc32(BLOCK, crc);
  return crc;
};
