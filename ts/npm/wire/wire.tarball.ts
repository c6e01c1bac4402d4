import { inspectTarGz } from '../../core/archives/tar/helpers.targz.js';
import type { ITarEntry, ITarRules } from '../../core/archives/tar/interfaces.tar.js';
import { invalid } from '../../core/base/helpers.errors.js';
import { isRecord } from '../../core/base/helpers.values.js';
import type { ITarballFacts } from '../interfaces.npm.js';

/** Checks a tarball while its bytes stream to storage, so that they are read once. */
export interface ITarballLimits {
  /** bytes that the archive may unpack to; a larger one is a bomb */
  maxUnpackedSize: number;
}

/** bytes; legitimate package.json files are much smaller */
const MAX_TEXT = 2 * 1024 * 1024;
const MAX_ENTRIES = 1_000_000;

const parseManifest = (bytes: Buffer): Record<string, unknown> => {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8').replace(/^\uFEFF/, ''));
  } catch (cause) {
    throw invalid("The tarball's package.json is not valid JSON", cause);
  }
  if (!isRecord(value)) throw invalid("The tarball's package.json is not an object");
  return value;
};

const README = /^readme(?:\.(?:md|markdown|txt))?$/i;

const readEntries = async (entries: AsyncIterable<ITarEntry>): Promise<ITarballFacts> => {
  let manifest: Record<string, unknown> | undefined;
  const facts: Omit<ITarballFacts, 'manifest'> = { fileCount: 0, unpackedSize: 0, hasShrinkwrap: false };
  for await (const { kind, segments, size, bytes } of entries) {
    if (kind === 'file') {
      facts.fileCount += 1;
      facts.unpackedSize += size;
    }
    const file = segments.length === 2 && kind === 'file' ? (segments[1] as string) : '';
    if (file === 'npm-shrinkwrap.json') facts.hasShrinkwrap = true;
    if (file === 'package.json') {
      const found = parseManifest(await bytes(MAX_TEXT));
      // an unpacker keeps the last of two files with the same name: if they differed, the checked one would not be the
      // used one
      if (manifest && (manifest.name !== found.name || manifest.version !== found.version)) {
        throw invalid('The tarball contains several package.json files that differ');
      }
      manifest = found;
    } else if (README.test(file) && size <= MAX_TEXT) {
      facts.readme = { file, text: (await bytes(MAX_TEXT)).toString('utf8') };
    }
  }
  if (!manifest) throw invalid('The tarball has no package.json in its first-level folder');
  return { manifest, ...facts };
};

/** npm drops links, devices and names that Windows cannot have when it unpacks: such tarballs were always accepted. */
const rulesOf = ({ maxUnpackedSize }: ITarballLimits): ITarRules => ({
  noun: 'The tarball',
  maxUnpackedSize,
  maxEntries: MAX_ENTRIES,
  links: 'any',
  strict: false,
});

/**
 * Yields `source` unchanged and checks it: gzip, tar, and a package.json in its first-level folder. Before the
 * iteration ends, `onFacts` has been called or the check has thrown (`invalid`, `tooLarge`); so a writer that stores
 * the bytes never stores a tarball that failed.
 */
export const inspectTarball = (
  source: AsyncIterable<Uint8Array>,
  limits: ITarballLimits,
  onFacts: (facts: ITarballFacts) => void,
): AsyncGenerator<Uint8Array, void, undefined> => inspectTarGz(source, rulesOf(limits), readEntries, onFacts);
