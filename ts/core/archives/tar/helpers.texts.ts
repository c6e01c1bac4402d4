import { invalid } from '../../base/helpers.errors.js';
import type { TWanted } from '../interfaces.archives.js';
import type { ITarTexts, TTarVisitor } from './interfaces.tar.js';

/**
 * A visitor that keeps the content of the wanted files. A wanted path that comes twice throws `invalid`: unpackers keep
 * the last one, and readers of a stream the first.
 * @param noun how messages call the archive, e.g. `The crate`
 */
export const collectTexts =
  (noun: string, wanted: TWanted): TTarVisitor<ITarTexts> =>
  async (entries) => {
    const texts = new Map<string, Buffer>();
    let entryCount = 0;
    let unpackedSize = 0;
    let topFolder: string | undefined;
    for await (const entry of entries) {
      entryCount += 1;
      topFolder ??= entry.segments[0];
      if (entry.kind === 'file') unpackedSize += entry.size;
      const limit = entry.kind === 'directory' ? undefined : wanted(entry.path);
      if (limit === undefined) continue;
      if (entry.kind !== 'file') throw invalid(`${noun} has a ${entry.segments.at(-1)} that is no file`);
      if (texts.has(entry.path)) throw invalid(`${noun} has ${entry.path} twice`);
      texts.set(entry.path, await entry.bytes(limit));
    }
    return { texts, entryCount, unpackedSize, topFolder };
  };
