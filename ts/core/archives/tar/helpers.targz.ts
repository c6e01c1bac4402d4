import { createGunzip, gunzipSync } from 'node:zlib';
import tar from 'tar-stream';
import { invalid } from '../../base/helpers.errors.js';
import { RegistryError } from '../../classes.registryerror.js';
import { assertUnpacked } from '../helpers.limits.js';
import { TarFrame } from './classes.tarframe.js';
import { tarEntries } from './helpers.tarentries.js';
import type { ITarRules, TTarVisitor } from './interfaces.tar.js';

/** bytes of an archive, and of its content, that are unpacked at once: most are no larger */
const SMALL = 64 * 1024;
const SMALL_UNPACKED = 512 * 1024;

const notGzip = ({ noun }: ITarRules, cause?: unknown): RegistryError =>
  invalid(`${noun} is not a gzip file, or it is damaged`, cause);

export const notTar = ({ noun }: ITarRules, cause?: unknown): RegistryError =>
  invalid(`${noun} is not a tar archive, or it is damaged`, cause);

const behindGzip = ({ noun }: ITarRules): RegistryError =>
  invalid(`${noun} has content behind the end of its gzip file`);

/** bytes of the field at the end of a gzip member that has its unpacked size, modulo 2^32 */
const ISIZE = 4;

/**
 * Throws `invalid` if a gzip file has several members: the last one then has another size than the whole.
 * @param end the last bytes of the file
 */
const assertOneMember = ({ noun }: ITarRules, end: Buffer, unpacked: number): void => {
  if (end.readUInt32LE(end.length - ISIZE) === unpacked % 2 ** 32) return;
  throw invalid(`${noun} consists of several gzip files`);
};

/** The archive in a complete gzip file; undefined if it is too large to be unpacked at once. */
const unpackSmall = (bytes: Uint8Array, rules: ITarRules): Buffer | undefined => {
  try {
    const maxOutputLength = Math.min(SMALL_UNPACKED, rules.maxUnpackedSize);
    // `info` adds the engine, whose count of bytes stops where the last gzip member ends
    const { buffer, engine } = gunzipSync(bytes, { maxOutputLength, info: true } as object) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    if (rules.strict && engine.bytesWritten < bytes.byteLength) throw behindGzip(rules);
    if (rules.strict && rules.oneMember) assertOneMember(rules, Buffer.from(bytes.slice(-ISIZE)), buffer.length);
    return buffer;
  } catch (error) {
    if (error instanceof RegistryError) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return undefined;
    throw notGzip(rules, error);
  }
};

/** What the visitor returns. It may not leave before the last entry: the rest would be neither checked nor unpacked. */
export const visitAll = async <T>(extract: tar.Extract, rules: ITarRules, visit: TTarVisitor<T>): Promise<T> => {
  let ended = false;
  async function* entries() {
    yield* tarEntries(extract, rules);
    ended = true;
  }
  const result = await visit(entries());
  if (!ended) throw new RegistryError('internal', 'An archive was not read to its end');
  return result;
};

const readSmall = async <T>(archive: Buffer, rules: ITarRules, visit: TTarVisitor<T>): Promise<T> => {
  const extract = tar.extract();
  extract.end(archive);
  try {
    const frame = new TarFrame(rules.noun, rules.strict);
    frame.add(archive);
    frame.finish();
    return await visitAll(extract, rules, visit);
  } catch (error) {
    throw error instanceof RegistryError ? error : notTar(rules, error);
  } finally {
    extract.destroy();
  }
};

/**
 * Yields `source` unchanged and reads it as a tar.gz. Before the iteration ends, `onRead` has been called or the
 * iteration has thrown (`invalid`, `tooLarge`, or what `visit` throws); so a writer that stores the bytes never stores
 * an archive that failed. Leaving the iteration early releases everything.
 */
export async function* inspectTarGz<T>(
  source: AsyncIterable<Uint8Array>,
  rules: ITarRules,
  visit: TTarVisitor<T>,
  onRead: (result: T) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
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
    const archive = size <= SMALL ? unpackSmall(Buffer.concat(held), rules) : undefined;
    if (archive) {
      onRead(await readSmall(archive, rules, visit));
      yield* held;
    } else {
      yield* inspectStream(chain(held, rest), rules, visit, onRead);
    }
  } finally {
    await rest.return?.();
  }
}

async function* chain(held: Uint8Array[], rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* held;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}

async function* inspectStream<T>(
  source: AsyncIterable<Uint8Array>,
  rules: ITarRules,
  visit: TTarVisitor<T>,
  onRead: (result: T) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { strict } = rules;
  const gunzip = createGunzip();
  const extract = tar.extract();
  const frame = new TarFrame(rules.noun, strict);
  let failure: RegistryError | undefined;
  let wake: () => void = () => undefined;
  const fail = (error: RegistryError) => {
    failure ??= error;
    gunzip.destroy();
    extract.destroy();
    wake();
  };
  let packed = 0;
  let unpacked = 0;
  let end = Buffer.alloc(0);
  gunzip.on('error', (error) => fail(notGzip(rules, error)));
  gunzip.on('data', (chunk: Buffer) => {
    unpacked += chunk.length;
    try {
      assertUnpacked(rules, packed, unpacked);
      frame.add(chunk);
    } catch (error) {
      return fail(RegistryError.from(error));
    }
    if (!extract.write(chunk)) gunzip.pause();
  });
  extract.on('drain', () => gunzip.resume());
  gunzip.on('end', () => extract.end(null));
  gunzip.on('drain', () => wake());
  const visited = visitAll(extract, rules, visit).then(
    (result) => ({ result }),
    (error) => fail(error instanceof RegistryError ? error : notTar(rules, error)),
  );
  try {
    for await (const chunk of source) {
      if (failure) throw failure;
      packed += chunk.byteLength;
      end = Buffer.concat([end, chunk.slice(-ISIZE)]).subarray(-ISIZE);
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
    const outcome = await visited;
    if (failure) throw failure;
    frame.finish();
    if (strict && gunzip.bytesWritten < packed) throw behindGzip(rules);
    if (strict && rules.oneMember) assertOneMember(rules, end, unpacked);
    onRead((outcome as { result: T }).result);
  } finally {
    gunzip.destroy();
    extract.destroy();
  }
}
