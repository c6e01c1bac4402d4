import { fromIterable, gather, iterate } from '../../base/helpers.streams.js';
import { RegistryError } from '../../classes.registryerror.js';
import type { THashName } from '../interfaces.storage.js';
import { Meter } from './classes.stagedobject.js';

export interface IVerifiedBodyOptions {
  algorithm: THashName;
  /** the expected digest */
  hex: string;
  /** further expected digests (algorithm -> hex): all of them must match */
  further?: Partial<Record<THashName, string>>;
  /** bytes, if announced */
  size?: number;
  /** bytes */
  limit: number;
  /**
   * Called with each chunk just before the store gets it; with the last one only if all digests match and the content
   * is approved. So if it has seen all chunks, the content is right. It is awaited, and if it throws, the body fails
   * with its error.
   */
  onChunk?(chunk: Uint8Array): void | Promise<void>;
}

/**
 * A body whose digest is known before it is read, so that it can be streamed directly to its key. Its last chunk is
 * held back until the digest matches and `approve` has resolved; without its last chunk no store keeps the object.
 */
export class VerifiedBody {
  /** algorithm -> hex, as expected */
  public readonly digests: Record<string, string>;
  /** a stream, which can be read only once */
  public readonly isReplayable = false;
  /** why the body is refused, once that is known: more useful than a store's error about a failed source */
  public failure: unknown;
  private readonly meter: Meter;
  private begun = false;

  /** Throws `tooLarge` if the announced size is too large. */
  constructor(
    private readonly body: ReadableStream<Uint8Array>,
    private readonly options: IVerifiedBodyOptions,
  ) {
    const { algorithm, hex, further, limit, size } = options;
    this.digests = { ...further, [algorithm]: hex };
    this.meter = new Meter(limit, size, Object.keys(this.digests));
  }

  /** bytes; until the end is reached, the announced number, if any */
  public get size(): number {
    return this.options.size ?? this.meter.size;
  }

  /** bytes, if announced */
  public get announced(): number | undefined {
    return this.options.size;
  }

  /** For the store. */
  public open(approve: () => Promise<void>): ReadableStream<Uint8Array> {
    return fromIterable(this.withheld(approve));
  }

  /**
   * Reads and verifies content that is already stored: knowing a digest does not prove that the caller has the content.
   */
  public async drain(approve: () => Promise<void>): Promise<void> {
    for await (const _chunk of this.withheld(approve));
  }

  /** Reads the whole content into memory. */
  public collect(approve: () => Promise<void>): Promise<Buffer> {
    return gather(this.withheld(approve));
  }

  /** Releases a body that nobody has read. */
  public async discard(_failure?: unknown): Promise<void> {
    if (this.begun) return;
    this.begun = true;
    // a source that fails when it is released is released as well
    await this.body.cancel().catch(() => undefined);
  }

  private async *withheld(approve: () => Promise<void>): AsyncGenerator<Uint8Array, void, undefined> {
    this.begun = true;
    const { onChunk } = this.options;
    try {
      let last: Uint8Array | undefined;
      for await (const chunk of iterate(this.body)) {
        this.meter.add(chunk);
        if (last) {
          if (onChunk) await onChunk(last);
          yield last;
        }
        last = chunk;
      }
      this.verify();
      await approve();
      if (!last) return;
      if (onChunk) await onChunk(last);
      yield last;
    } catch (error) {
      this.failure = error;
      throw error;
    }
  }

  private verify(): void {
    const found = this.meter.finish();
    for (const [algorithm, hex] of Object.entries(this.digests)) {
      if (found[algorithm] === hex) continue;
      throw new RegistryError(
        'digestMismatch',
        `The content has the digest ${algorithm}:${found[algorithm]}, not ${algorithm}:${hex}`,
      );
    }
  }
}
