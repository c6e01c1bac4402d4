import { RegistryError } from '../../../classes.registryerror.js';
import type { DirectoryLayout } from '../files/classes.layout.js';
import { type IAbout, RESERVED } from '../files/helpers.header.js';
import { BytesDraft, type Draft, FileDraft } from './classes.draft.js';

/** up to here a body is kept in memory until its header is known */
export const SMALL = 64 * 1024;
/** what is gathered before it is written */
const BATCH = 512 * 1024;

export interface IIntakeOptions extends IAbout {
  size?: number;
  signal?: AbortSignal;
}

const wrongLength = (expected: number, got: string): RegistryError =>
  new RegistryError('invalid', `The body has ${got} bytes where ${expected} were announced`);

/** what is written before the disk is told to begin, so that it works while the body arrives */
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
    // it is awaited before anything else happens to the file; until then its failure is not "unhandled"
    this.running.catch(() => {});
  }

  /**
   * Everything is written. An error of the disk in between is thrown here, because the system reports it only once.
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

/** Reads chunk by chunk; an abort wakes it even where the source is silent. */
async function* chunksOf(
  source: ReadableStream<Uint8Array>,
  options: IIntakeOptions,
): AsyncGenerator<Uint8Array, void> {
  const { signal, size } = options;
  const reader = source.getReader();
  // an errored source refuses to be cancelled, and has said why already
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

/** Takes a body in; nothing is left of it where the source fails, and cancelling the source is the caller's. */
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
  // most bodies are small, and then the beginning is all
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

/** A draft with a file of its own that `work` fills. */
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
