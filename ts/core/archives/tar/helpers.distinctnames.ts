import { createHash } from 'node:crypto';
import { invalid } from '../../base/helpers.errors.js';
import type { TTarVisitor } from './interfaces.tar.js';

/** bytes of a digest that stands for a name: two names with the same one are not found by trying */
const DIGEST_BYTES = 16;

/**
 * A visitor that reads no content and refuses an archive with two files or links of one name: unpackers keep the last
 * one, and readers of a stream the first. It keeps a digest of each name, because 200,000 long names take hundreds of
 * megabytes.
 * @param noun how messages call the archive, e.g. `The gem's data.tar.gz`
 */
export const assertDistinctNames =
  (noun: string): TTarVisitor<void> =>
  async (entries) => {
    const seen = new Set<string>();
    for await (const { path, kind } of entries) {
      if (kind === 'directory') continue;
      const digest = createHash('sha256').update(path).digest().toString('latin1', 0, DIGEST_BYTES);
      if (seen.has(digest)) throw invalid(`${noun} has ${path.slice(0, 300)} twice`);
      seen.add(digest);
    }
  };
