import { promisify } from 'node:util';
import { inflateRaw, inflateRawSync } from 'node:zlib';

/** What zlib returns with the option `info`; the engine's count of bytes stops where the deflated content ends. */
interface IInflated {
  buffer: Buffer;
  engine: { bytesWritten: number };
}

/** bytes; zlib takes no smaller buffer */
const MIN_BUFFER = 64;

// zlib's types do not know the option `info`
const inflateInThread = promisify(
  inflateRaw as (bytes: Buffer, options: object, done: (error: Error | null, found: IInflated) => void) => void,
);
const inflateHere = inflateRawSync as unknown as (bytes: Buffer, options: object) => IInflated;

/** Not a byte more than was announced is unpacked; zlib allows no limit of zero. */
const optionsFor = (size: number) => ({ maxOutputLength: Math.max(1, size), info: true });

const wholeOf = ({ buffer, engine }: IInflated, packed: Buffer): Buffer => {
  if (engine.bytesWritten < packed.length) throw new Error('there are bytes behind the deflated content');
  return buffer;
};

/** The content of `size` bytes. Rejects if `packed` is not exactly one deflated content of that size or less. */
export const inflate = async (packed: Buffer, size: number): Promise<Buffer> =>
  wholeOf(await inflateInThread(packed, optionsFor(size)), packed);

/**
 * The same on the event loop, for small content: ten times faster. The buffer has room for one byte more than `size`,
 * since zlib makes another buffer behind a full one.
 */
export const inflateAtOnce = (packed: Buffer, size: number): Buffer =>
  wholeOf(inflateHere(packed, { ...optionsFor(size), chunkSize: Math.max(MIN_BUFFER, size + 1) }), packed);
