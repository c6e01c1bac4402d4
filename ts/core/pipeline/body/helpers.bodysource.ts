/** The chunks of a request body, in any form that an embedder may pass. */
export interface IBodySource {
  next(): Promise<IteratorResult<Uint8Array, unknown>>;
  /** releases the source at once, even while `next` waits for a silent sender */
  abandon(): void;
}

/** The members of a Node stream that are used; IncomingMessage of every Node framework has them. */
interface INodeReadable extends AsyncIterable<Uint8Array> {
  iterator?(options: { destroyOnReturn: boolean }): AsyncIterableIterator<Uint8Array>;
  destroy?(): void;
  httpVersion?: string;
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
const isWebStream = (value: unknown): value is ReadableStream<Uint8Array> => value instanceof ReadableStream;
const isIterable = (value: unknown): value is INodeReadable => isObject(value) && Symbol.asyncIterator in value;
const isBytes = (value: unknown): value is Uint8Array | ArrayBuffer =>
  value instanceof Uint8Array || value instanceof ArrayBuffer;

/** Whether the embedder has already parsed this value, so that it is not the bytes of a body. */
export const isParsed = (source: unknown): source is object =>
  isObject(source) && !isBytes(source) && !isWebStream(source) && !isIterable(source);

// errors of a source that was given up are ignored: its request has been answered by then
const ignoreRefusal = (leaving: unknown): void => void Promise.resolve(leaving).catch(() => undefined);

const fromWebStream = (stream: ReadableStream<Uint8Array>): IBodySource => {
  const reader = stream.getReader();
  return {
    next: () => reader.read() as Promise<IteratorResult<Uint8Array, unknown>>,
    abandon: () => ignoreRefusal(reader.cancel()),
  };
};

const fromReadable = (readable: INodeReadable): IBodySource => {
  // a request of node:http shares its socket with the answer, so it must not be destroyed: its server drains it
  const ofServer = readable.httpVersion !== undefined;
  const iterator =
    ofServer && readable.iterator ? readable.iterator({ destroyOnReturn: false }) : readable[Symbol.asyncIterator]();
  return {
    next: () => iterator.next(),
    abandon: () => {
      if (!ofServer && readable.destroy) readable.destroy();
      else ignoreRefusal(iterator.return?.());
    },
  };
};

const fromBytes = (bytes: Uint8Array): IBodySource => {
  let left: Uint8Array | undefined = bytes;
  return {
    next: async () => {
      const value = left;
      left = undefined;
      return value ? { done: false, value } : { done: true, value: undefined };
    },
    abandon: () => undefined,
  };
};

/** Opens a body for reading. */
export const openBodySource = (source: unknown): IBodySource => {
  if (isWebStream(source)) return fromWebStream(source);
  if (isIterable(source) && !isBytes(source)) return fromReadable(source);
  if (source instanceof ArrayBuffer) return fromBytes(new Uint8Array(source));
  return fromBytes(source instanceof Uint8Array ? source : Buffer.from(typeof source === 'string' ? source : ''));
};

/** Releases a body that was never opened. */
export const abandonBody = (source: unknown): void => {
  if (isWebStream(source)) {
    if (!source.locked) ignoreRefusal(source.cancel());
  } else if (isIterable(source) && source.httpVersion === undefined) {
    source.destroy?.();
  }
};
