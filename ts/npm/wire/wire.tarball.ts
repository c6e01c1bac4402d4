import { createGunzip, gunzipSync } from 'node:zlib';
import tar from 'tar-stream';
import { isRecord } from '../../core/base/helpers.values.js';
import { RegistryError } from '../../core/classes.registryerror.js';
import type { ITarballFacts } from '../interfaces.npm.js';

/** Checks a tarball while its bytes stream to storage, so that they are read once. */
export interface ITarballLimits {
  /** bytes that the archive may unpack to; a larger one is a bomb */
  maxUnpackedSize: number;
}

/** bytes; legitimate package.json files are much smaller */
const MAX_TEXT = 2 * 1024 * 1024;
const MAX_ENTRIES = 1_000_000;

const invalid = (message: string, cause?: unknown): RegistryError => new RegistryError('invalid', message, { cause });

const segmentsOf = (path: string): string[] => {
  const segments = path.split(/[/\\]/).filter((segment) => segment !== '' && segment !== '.');
  if (path.startsWith('/') || segments.includes('..')) {
    throw invalid('The tarball contains a path that leads out of its folder');
  }
  return segments;
};

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

const bytesOf = async (entry: AsyncIterable<unknown>): Promise<Buffer> => {
  const parts: Uint8Array[] = [];
  for await (const part of entry) parts.push(part as Uint8Array);
  return Buffer.concat(parts);
};

const readEntries = async (extract: tar.Extract, limits: ITarballLimits): Promise<ITarballFacts> => {
  let manifest: Record<string, unknown> | undefined;
  const facts: Omit<ITarballFacts, 'manifest'> = { fileCount: 0, unpackedSize: 0, hasShrinkwrap: false };
  for await (const entry of extract) {
    const { name, size = 0, type } = entry.header;
    const segments = segmentsOf(name);
    const isFile = type === 'file' || type === 'contiguous-file'; // unpackers treat both alike
    if (isFile) {
      facts.fileCount += 1;
      facts.unpackedSize += size;
    }
    if (facts.unpackedSize > limits.maxUnpackedSize || facts.fileCount > MAX_ENTRIES) throw tooMuch(limits);
    const file = segments.length === 2 && isFile ? (segments[1] as string) : '';
    if (file === 'npm-shrinkwrap.json') facts.hasShrinkwrap = true;
    if (file === 'package.json') {
      if (size > MAX_TEXT) throw invalid("The tarball's package.json is too large");
      const found = parseManifest(await bytesOf(entry));
      // an unpacker keeps the last of two files with the same name: if they differed, the checked one would not be the
      // used one
      if (manifest && (manifest.name !== found.name || manifest.version !== found.version)) {
        throw invalid('The tarball contains several package.json files that differ');
      }
      manifest = found;
    } else if (README.test(file) && size <= MAX_TEXT) {
      facts.readme = { file, text: (await bytesOf(entry)).toString('utf8') };
    } else {
      entry.resume();
    }
  }
  if (!manifest) throw invalid('The tarball has no package.json in its first-level folder');
  return { manifest, ...facts };
};

const tooMuch = ({ maxUnpackedSize }: ITarballLimits): RegistryError =>
  new RegistryError('tooLarge', `The tarball unpacks to more than ${maxUnpackedSize} bytes`);

/** bytes of a tarball, and of its content, that are unpacked at once: most are no larger */
const SMALL = 64 * 1024;
const SMALL_UNPACKED = 512 * 1024;

/** The archive in a complete gzip file; undefined if it is too large to be unpacked at once. */
const unpackSmall = (bytes: Uint8Array, { maxUnpackedSize }: ITarballLimits): Buffer | undefined => {
  try {
    return gunzipSync(bytes, { maxOutputLength: Math.min(SMALL_UNPACKED, maxUnpackedSize) });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return undefined;
    throw invalid(NOT_GZIP, error);
  }
};

const checkSmall = async (archive: Buffer, limits: ITarballLimits): Promise<ITarballFacts> => {
  const extract = tar.extract();
  extract.end(archive);
  try {
    return await readEntries(extract, limits);
  } catch (error) {
    throw error instanceof RegistryError ? error : invalid(NOT_TAR, error);
  } finally {
    extract.destroy();
  }
};

/**
 * Yields `source` unchanged and checks it: gzip, tar, and a package.json in its first-level folder. Before the
 * iteration ends, `onFacts` has been called or the check has thrown (`invalid`, `tooLarge`); so a writer that stores
 * the bytes never stores a tarball that failed.
 */
export async function* inspectTarball(
  source: AsyncIterable<Uint8Array>,
  limits: ITarballLimits,
  onFacts: (facts: ITarballFacts) => void,
): AsyncGenerator<Uint8Array> {
  const held: Uint8Array[] = [];
  let size = 0;
  const rest = source[Symbol.asyncIterator]();
  try {
    while (size <= SMALL) {
      const next = await rest.next();
      if (next.done) break;
      held.push(next.value);
      size += next.value.byteLength;
    }
    const archive = size <= SMALL ? unpackSmall(Buffer.concat(held), limits) : undefined;
    if (archive) {
      onFacts(await checkSmall(archive, limits));
      yield* held;
    } else {
      yield* inspectStream(chain(held, rest), limits, onFacts);
    }
  } finally {
    await rest.return?.();
  }
}

async function* chain(held: Uint8Array[], rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* held;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}

const NOT_GZIP = 'The attachment is not a gzip file, or it is damaged';
const NOT_TAR = 'The attachment is not a tar archive, or it is damaged';

async function* inspectStream(
  source: AsyncIterable<Uint8Array>,
  limits: ITarballLimits,
  onFacts: (facts: ITarballFacts) => void,
): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip();
  const extract = tar.extract();
  let failure: RegistryError | undefined;
  let wake: () => void = () => undefined;
  const fail = (error: unknown, message: string) => {
    failure ??= error instanceof RegistryError ? error : invalid(message, error);
    gunzip.destroy();
    extract.destroy();
    wake();
  };
  let unpacked = 0;
  gunzip.on('error', (error) => fail(error, NOT_GZIP));
  gunzip.on('data', (chunk: Buffer) => {
    unpacked += chunk.length;
    if (unpacked > limits.maxUnpackedSize) fail(tooMuch(limits), '');
    else if (!extract.write(chunk)) gunzip.pause();
  });
  extract.on('drain', () => gunzip.resume());
  gunzip.on('end', () => extract.end(null));
  gunzip.on('drain', () => wake());
  const checked = readEntries(extract, limits).then(
    (facts) => onFacts(facts),
    (error) => fail(error, NOT_TAR),
  );
  try {
    for await (const chunk of source) {
      if (failure) throw failure;
      if (!gunzip.write(chunk)) {
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (failure) resolve();
        });
      }
      if (failure) throw failure;
      yield chunk;
    }
    gunzip.end();
    await checked;
    if (failure) throw failure;
  } finally {
    gunzip.destroy();
    extract.destroy();
  }
}
