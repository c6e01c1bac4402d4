import { RegistryError } from '../../../classes.registryerror.js';
import type { DirectoryLayout } from '../files/classes.layout.js';
import { type IAbout, RESERVED } from '../files/helpers.header.js';
import { BytesDraft, type Draft, FileDraft } from './classes.draft.js';

/** bodies up to this size are kept in memory until their header is known */
export const SMALL = 64 * 1024;
/** bytes that are gathered for one write */
const BATCH = 512 * 1024;

export interface IIntakeOptions extends IAbout {
  size?: number;
  signal?: AbortSignal;
}

const wrongLength = (expected: number, got: string): RegistryError =>
  new RegistryError('invalid', `The body has ${got} bytes where ${expected} were announced`);

/** bytes that are written before a sync begins, so that the disk works while the body arrives */
const AHEAD = 64 * 1024 * 1024;

/** Writes batches one after another, while the next one is being gathered. */
class Writer {
  public written = 0;
  private running: Promise<void> = Promise.resolve();
  private syncing: Promise<void> | undefined;
  private synced = 0;

  constructor(
    private readonly layout: DirectoryLayout,
    private readonly fd: number,
  ) {}

  public async add(chunks: Uint8Array[], bytes: number): Promise<void> {
    await this.running;
    this.running = this.layout.files.writev(this.fd, chunks, RESERVED + this.written);
    this.written += bytes;
    this.syncAhead();
    // `add` or `finish` awaits it; until then its failure is not "unhandled"
    this.running.catch(() => {});
  }

  /**
   * Waits until everything is written. Throws errors of the writes in between, because the system reports them only
   * once.
   */
  public async finish(): Promise<void> {
    const [written, synced] = await Promise.allSettled([this.running, this.syncing]);
    for (const outcome of [written, synced]) if (outcome.status === 'rejected') throw outcome.reason;
  }

  private syncAhead(): void {
    if (this.written - this.synced < AHEAD) return;
    this.synced = this.written;
    const { fd } = this;
    const before = this.syncing ?? Promise.resolve();
    this.syncing = before.then(() => this.layout.files.fdatasync(fd));
    this.syncing.catch(() => {});
  }
}

/** Yields the chunks of a stream; an abort ends it even while the source is silent. */
async function* chunksOf(
  source: ReadableStream<Uint8Array>,
  options: IIntakeOptions,
): AsyncGenerator<Uint8Array, void> {
  const { signal, size } = options;
  const reader = source.getReader();
  // a stream that has failed refuses to be cancelled, and its error is known already
  const cancel = () => void reader.cancel(signal?.reason).catch(() => {});
  let total = 0;
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    for (;;) {
      signal?.throwIfAborted();
      const { done, value } = await reader.read();
      signal?.throwIfAborted();
      if (done) break;
      total += value.byteLength;
      if (size !== undefined && total > size) throw wrongLength(size, 'more');
      if (value.byteLength > 0) yield value;
    }
    if (size !== undefined && total !== size) throw wrongLength(size, String(total));
  } finally {
    signal?.removeEventListener('abort', cancel);
    reader.releaseLock();
  }
}

/** Stores a body in a draft. If the source fails, nothing is left. The caller cancels the source. */
export const takeIn = async (
  layout: DirectoryLayout,
  key: string,
  body: Uint8Array | ReadableStream<Uint8Array>,
  options: IIntakeOptions,
): Promise<Draft> => {
  if (body instanceof Uint8Array) {
    if (options.size !== undefined && options.size !== body.byteLength) {
      throw wrongLength(options.size, String(body.byteLength));
    }
    if (body.byteLength <= SMALL) return new BytesDraft(layout, key, options, body);
    return fill(layout, key, options, (writer) => writer.add([body], body.byteLength));
  }
  const chunks = chunksOf(body, options);
  try {
    return await takeStream(layout, key, chunks, options);
  } finally {
    await chunks.return();
  }
};

const takeStream = async (
  layout: DirectoryLayout,
  key: string,
  chunks: AsyncGenerator<Uint8Array, void>,
  options: IIntakeOptions,
): Promise<Draft> => {
  let batch: Uint8Array[] = [];
  let bytes = 0;
  // most bodies are small, and then this is all
  while (bytes <= SMALL) {
    const next = await chunks.next();
    if (next.done) return new BytesDraft(layout, key, options, Buffer.concat(batch, bytes));
    batch.push(next.value);
    bytes += next.value.byteLength;
  }
  return fill(layout, key, options, async (writer) => {
    for await (const chunk of chunks) {
      if (bytes >= BATCH) {
        await writer.add(batch, bytes);
        batch = [];
        bytes = 0;
      }
      batch.push(chunk);
      bytes += chunk.byteLength;
    }
    await writer.add(batch, bytes);
  });
};

/** Makes a draft with a file of its own, which `work` fills. */
export const fill = async (
  layout: DirectoryLayout,
  key: string,
  about: IAbout,
  work: (writer: Writer) => Promise<void>,
): Promise<Draft> => {
  const { files } = layout;
  const file = layout.temporary();
  const fd = await files.open(file, 'wx', layout.fileMode);
  const writer = new Writer(layout, fd);
  try {
    await work(writer);
    await writer.finish();
    return new FileDraft(layout, key, about, file, fd, writer.written);
  } catch (error) {
    await writer.finish().catch(() => {}); // the first error is the one that counts
    await files.close(fd);
    await files.unlink(file);
    throw error;
  }
};
