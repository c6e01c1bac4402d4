import { createHash } from 'node:crypto';

/** Reads all of the content, and returns its digest. */
export const digestOf = async (content: AsyncIterable<Uint8Array>, algorithm: 'sha256' | 'sha512'): Promise<Buffer> => {
  const hash = createHash(algorithm);
  for await (const chunk of content) hash.update(chunk);
  return hash.digest();
};
