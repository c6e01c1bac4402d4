import { createCipheriv, createHash } from 'node:crypto';

/** Bytes that no compression makes smaller, the same for the same seed. */
export const noise = (seed: string, length: number): Buffer<ArrayBuffer> => {
  const key = createHash('sha256').update(seed).digest();
  const stream = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
  return Buffer.from(stream.update(Buffer.alloc(length)));
};
