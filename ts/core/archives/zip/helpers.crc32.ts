import * as zlib from 'node:zlib';

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

/** For runtimes without `zlib.crc32`, which came with Node 20.15: 4 MiB take about 40 ms. */
export const slowCrc32 = (bytes: Uint8Array, before = 0): number => {
  let value = before ^ 0xffffffff;
  for (let at = 0; at < bytes.length; at++) {
    value = (TABLE[(value ^ (bytes[at] as number)) & 0xff] as number) ^ (value >>> 8);
  }
  return (value ^ 0xffffffff) >>> 0;
};

type TCrc32 = (bytes: Uint8Array, before?: number) => number;

/** The checksum of zip and gzip; `before` is that of the bytes which these continue. */
export const crc32: TCrc32 = (zlib as { crc32?: TCrc32 }).crc32 ?? slowCrc32;
