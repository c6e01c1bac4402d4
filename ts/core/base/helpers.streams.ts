import type { IResponse } from '../interfaces.core.js';

/**
 * The library speaks Web streams at its borders. These helpers make and consume them, the same way on Node, Deno
 * and Bun.
 */

/** Bytes that a stream was made of: a host sends them at once instead of reading the stream. */
const bytesOf = new WeakMap<ReadableStream<Uint8Array>, Uint8Array>();

/** Pulls only on demand: a body that nobody reads opens nothing. */
const LAZY: QueuingStrategy<Uint8Array> = { highWaterMark: 0 };

const streamOfBytes = (bytes: Uint8Array): ReadableStream<Uint8Array> => {
  const stream: ReadableStream<Uint8Array> = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        bytesOf.delete(stream);
        if (bytes.byteLength > 0) controller.enqueue(bytes);
        controller.close();
      },
    },
    LAZY,
  );
  bytesOf.set(stream, bytes);
  return stream;
};

/**
 * A stream of the given data. Strings become UTF-8, other objects JSON; a stream is returned as it is.
 */
export const toReadableStream = (data: object | string | Uint8Array): ReadableStream<Uint8Array> => {
  if (data instanceof ReadableStream) return data as ReadableStream<Uint8Array>;
  if (data instanceof Uint8Array) return streamOfBytes(data);
  if (data instanceof ArrayBuffer) return streamOfBytes(new Uint8Array(data));
  return streamOfBytes(Buffer.from(typeof data === 'string' ? data : JSON.stringify(data)));
};

/** The bytes of an unread stream made by `toReadableStream`; undefined for every other stream. */
export const knownBytes = (stream: ReadableStream<Uint8Array> | undefined): Uint8Array | undefined =>
  stream && !stream.locked ? bytesOf.get(stream) : undefined;

/** The property of a response that holds its bytes until its stream is asked for. */
const BYTES = Symbol('bytes');

interface IBytesResponse extends IResponse {
  [BYTES]?: Uint8Array;
}

/**
 * A response with these bytes. Its stream is made when `body` is read first: making it costs more than all the rest of
 * a small answer, and a host that sends the bytes themselves (`responseBytes`) does not need it.
 */
export const responseOfBytes = (status: number, headers: Record<string, string>, bytes: Uint8Array): IResponse => {
  let stream: ReadableStream<Uint8Array> | undefined;
  const response: IBytesResponse = {
    status,
    headers,
    get body() {
      response[BYTES] = undefined;
      stream ??= streamOfBytes(bytes);
      return stream;
    },
    [BYTES]: bytes,
  };
  return response;
};

/** The bytes of a response's body, if they are known and nobody has begun to read the body. */
export const responseBytes = (response: IResponse): Uint8Array | undefined =>
  (response as IBytesResponse)[BYTES] ?? knownBytes(response.body);

/**
 * The source of a long body. It reads into memory of the caller, so that a host can use the same few buffers again. New
 * buffers for each chunk cost more than all the rest of a download.
 */
export interface IChunkSource {
  /** reads bytes to the beginning of `room` and returns their number; 0 at the end. One read at a time. */
  read(room: Uint8Array): Promise<number>;
  /** releases what the source holds; may be called before its end */
  close(): Promise<void>;
}

/**
 * A source whose bytes come in buffers of their own, e.g. from a socket: a host reads it without a stream around it.
 */
export interface IBufferSource {
  /** null at the end */
  next(): Promise<Uint8Array | null>;
  /**
   * Instead of `next`, for less CPU: passes each buffer to `take` as it comes. While a promise that `take` has returned
   * is pending, no buffer comes. Resolves after the last buffer, or after `close`.
   */
  flow?(take: (bytes: Uint8Array) => Promise<void> | undefined): Promise<void>;
  close(): Promise<void>;
}

const sources = new WeakMap<ReadableStream<Uint8Array>, IChunkSource | IBufferSource>();

const streamOfNext = (source: IBufferSource, behind: IChunkSource | IBufferSource): ReadableStream<Uint8Array> => {
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        sources.delete(stream);
        const bytes = await source.next();
        if (bytes === null) controller.close();
        else controller.enqueue(bytes);
      },
      cancel: () => source.close(),
    },
    LAZY,
  );
  sources.set(stream, behind);
  return stream;
};

/**
 * A stream of the source's bytes, `chunk` at a time. As long as nobody reads the stream, `takeSource` returns the
 * source itself.
 */
export const streamOfSource = (source: IChunkSource, chunk: number): ReadableStream<Uint8Array> => {
  const next = async (): Promise<Uint8Array | null> => {
    const room = new Uint8Array(chunk);
    const count = await source.read(room);
    return count === 0 ? null : room.subarray(0, count);
  };
  return streamOfNext({ next, close: () => source.close() }, source);
};

/** A stream of the source's buffers; `takeSource` returns the source, as for `streamOfSource`. */
export const streamOfBuffers = (source: IBufferSource): ReadableStream<Uint8Array> => streamOfNext(source, source);

/**
 * Returns the source behind an unread stream. The caller must read it to the end or close it; the stream cannot be read
 * any more.
 */
export const takeSource = (stream: ReadableStream<Uint8Array>): IChunkSource | IBufferSource | undefined => {
  const source = stream.locked ? undefined : sources.get(stream);
  sources.delete(stream);
  return source;
};

/** Everything the stream yields, in one buffer; empty for an absent body. */
export const streamToBuffer = async (stream: ReadableStream<Uint8Array> | undefined | null): Promise<Buffer> =>
  stream ? gather(iterate(stream)) : Buffer.alloc(0);

/**
 * bytes; a smaller chunk costs more when it is kept (some 120 bytes, and the buffer that it is part of) than when it is
 * copied
 */
const SMALL_CHUNK = 1024;
/** bytes of small chunks that are joined into one buffer */
const SLAB = 64 * 1024;

/**
 * Joins all chunks into one buffer. Small chunks are joined early, because each chunk that is kept costs a hundred
 * bytes more.
 */
export const gather = async (chunks: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const gathered: Uint8Array[] = [];
  let slab: Buffer | undefined;
  let used = 0;
  const closeSlab = (): void => {
    if (slab && used > 0) gathered.push(slab.subarray(0, used));
    slab = slab?.subarray(used);
    used = 0;
  };
  for await (const chunk of chunks) {
    if (chunk.byteLength >= SMALL_CHUNK) {
      closeSlab();
      gathered.push(chunk);
      continue;
    }
    if (!slab || used + chunk.byteLength > slab.byteLength) {
      closeSlab();
      // most bodies are one small chunk, which needs no slab
      slab = Buffer.allocUnsafe(gathered.length === 0 ? SMALL_CHUNK : SLAB);
    }
    slab.set(chunk, used);
    used += chunk.byteLength;
  }
  closeSlab();
  return Buffer.concat(gathered);
};

/** The stream's content parsed as JSON. Throws SyntaxError if it is not JSON. */
export const streamToJson = async <T = unknown>(stream: ReadableStream<Uint8Array> | undefined | null): Promise<T> =>
  JSON.parse((await streamToBuffer(stream)).toString('utf8')) as T;

/** The iterables behind unread streams: `iterate` reads them directly. */
const iterables = new WeakMap<ReadableStream<Uint8Array>, AsyncIterable<Uint8Array> | Iterable<Uint8Array>>();

/** Reads a stream chunk by chunk. Leaving the loop early, or throwing in it, cancels the stream. */
export async function* iterate(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const source = stream.locked ? undefined : iterables.get(stream);
  const reader = stream.getReader();
  if (source) {
    try {
      for await (const chunk of source) if (chunk.byteLength > 0) yield chunk;
    } finally {
      reader.releaseLock();
    }
    return;
  }
  let ended = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) {
        ended = true;
        return;
      }
      yield value;
    }
  } catch (error) {
    ended = true; // an errored stream cannot be cancelled
    throw error;
  } finally {
    if (!ended) await reader.cancel();
    reader.releaseLock();
  }
}

/** A stream that reads from the iterable on demand. Cancelling the stream ends the iteration. */
export const fromIterable = (source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): ReadableStream<Uint8Array> => {
  let iterator: AsyncIterator<Uint8Array> | Iterator<Uint8Array> | undefined;
  const start = () => {
    iterator ??= Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
    return iterator;
  };
  const stream: ReadableStream<Uint8Array> = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        iterables.delete(stream);
        for (;;) {
          const { done, value } = await start().next();
          if (done) return controller.close();
          // an empty chunk would end a pull without any progress
          if (value.byteLength > 0) return controller.enqueue(value);
        }
      },
      async cancel(reason) {
        iterables.delete(stream);
        await start().return?.(reason);
      },
    },
    LAZY,
  );
  iterables.set(stream, source);
  return stream;
};

/** Releases the socket or file behind a response's body that will not be sent. */
export const discardBody = async (response: IResponse): Promise<void> => {
  if ((response as IBytesResponse)[BYTES]) return;
  const { body } = response;
  if (body && !body.locked) await body.cancel();
};
