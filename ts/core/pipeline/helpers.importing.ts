import { createHash } from 'node:crypto';
import type { TPublished } from './interfaces.importing.js';

/** Reads all of the content, and returns its digest. */
export const digestOf = async (content: AsyncIterable<Uint8Array>, algorithm: 'sha256' | 'sha512'): Promise<Buffer> => {
  const hash = createHash(algorithm);
  for await (const chunk of content) hash.update(chunk);
  return hash.digest();
};

/**
 * What `IImportItem.published` says of two digests of one kind.
 * @param published undefined: nothing is published there
 */
export const comparedWith = (published: string | undefined, ofFile: string): TPublished => {
  if (published === undefined) return 'nothing';
  return published === ofFile ? 'same' : 'other';
};
