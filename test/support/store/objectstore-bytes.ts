import { createHash } from 'node:crypto';

/** Deterministic bytes that are cheap to make, never repeat within an object and differ from seed to seed. */
export const KIB = 1024;
export const MIB = 1024 * KIB;

const CHUNK = 64 * 1024;
const BLOCK = ((): Buffer => {
  const block = Buffer.alloc(CHUNK);
  let state = 0x2545f491;
  for (let at = 0; at < CHUNK; at += 4) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    block.writeInt32LE(state | 0, at);
  }
  return block;
})();

const chunkOf = (index: number, size: number, seed: number): Buffer => {
  const chunk = Buffer.from(BLOCK.subarray(0, Math.min(CHUNK, size - index * CHUNK)));
  const stamp = Buffer.from(`${seed}:${index};`);
  stamp.copy(chunk);
  return chunk;
};

export const bytesOf = (size: number, seed = 1): Buffer => {
  const chunks: Buffer[] = [];
  for (let index = 0; index * CHUNK < size; index++) chunks.push(chunkOf(index, size, seed));
  return Buffer.concat(chunks);
};

export interface IStreamOptions {
  seed?: number;
  /** throw this once so many bytes have been handed out */
  failAt?: number;
  failure?: unknown;
  onCancel?: () => void;
}

/** A pull-based stream of `size` bytes, the same as `bytesOf(size, seed)`. */
export const streamOf = (size: number, options: IStreamOptions = {}): ReadableStream<Uint8Array> => {
  let index = 0;
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const sent = index * CHUNK;
        if (options.failAt !== undefined && sent >= options.failAt) {
          controller.error(options.failure ?? new Error('the source broke'));
        } else if (sent >= size) {
          controller.close();
        } else {
          controller.enqueue(new Uint8Array(chunkOf(index++, size, options.seed ?? 1)));
        }
      },
      cancel() {
        options.onCancel?.();
      },
    },
    { highWaterMark: 0 },
  );
};

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** The digest of `bytesOf(size, seed)` without holding it. */
export const sha256Of = (size: number, seed = 1): string => {
  const hash = createHash('sha256');
  for (let index = 0; index * CHUNK < size; index++) hash.update(chunkOf(index, size, seed));
  return hash.digest('hex');
};

export const drain = async (body: ReadableStream<Uint8Array>): Promise<{ size: number; sha256: string }> => {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of body) {
    hash.update(chunk);
    size += chunk.byteLength;
  }
  return { size, sha256: hash.digest('hex') };
};

export const readAll = async (body: ReadableStream<Uint8Array>): Promise<Buffer> => {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
};
