import { USUAL_RATIO } from '../core/archives/interfaces.archives.js';
import { inspectZip } from '../core/archives/zip/helpers.zip.js';
import { MAX_MANIFEST } from './wire/wire.manifest.js';
import { manifestPath, mayBeManifest } from './wire/wire.zip.js';

/**
 * Yields the bytes of a zip unchanged, and checks it while they pass. Before the iteration ends, `onManifest` has got
 * the package's composer.json, or the iteration has thrown (`invalid`, `tooLarge`).
 */
export const inspectPackage = (
  content: AsyncIterable<Uint8Array>,
  { maxUnpackedSize }: { maxUnpackedSize: number },
  onManifest: (bytes: Uint8Array) => void,
): AsyncGenerator<Uint8Array, void, undefined> =>
  inspectZip(
    content,
    {
      noun: 'The zip',
      // archives of git repositories have some; Composer unpacks them with `unzip`, which makes the links
      links: 'inside',
      names: 'any',
      unpacks: 'all',
      maxUnpackedSize,
      ratios: [USUAL_RATIO],
      wanted: (path) => (mayBeManifest(path) ? MAX_MANIFEST : undefined),
    },
    ({ entries, texts }) => onManifest(texts.get(manifestPath(entries.keys())) as Uint8Array),
  );
