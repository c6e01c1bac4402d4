import { fromIterable, gather, iterate } from '../../base/helpers.streams.js';
import { RegistryError } from '../../classes.registryerror.js';
import type { THashName } from '../interfaces.storage.js';
import { Meter } from './classes.stagedobject.js';

export interface IVerifiedBodyOptions {
  algorithm: THashName;
  /** the promised digest */
  hex: string;
  /** further digests that were promised (algorithm -> hex): all of them have to be right */
  further?: Partial<Record<THashName, string>>;
  /** bytes, where announced */
  size?: number;
  /** bytes */
  limit: number;
  /**
   * Sees each chunk just before the store gets it, the last one only when all digests are right and the content is
   * admitted: what was seen whole is right. It is waited for, and if it throws, the body fails with its error.
   */
  onChunk?(chunk: Uint8Array): void | Promise<void>;
}

/**
 * A body whose digest is known before it is read, so that it can stream straight to its key: its last chunk is held
 * back until the digest has proved right and `approve` has let it pass, and without its last chunk no store keeps it.
 */
export class VerifiedBody {
  /** algorithm -> hex, as promised */
  public readonly digests: Record<string, string>;
  /** it can be read once */
  public readonly isReplayable = false;
  /** why the body is not taken, once that is known: it tells more than what a store makes of a source that failed */
  public failure: unknown;
  private readonly meter: Meter;
  private begun = false;

  /** Throws `tooLarge` where the announced size is. */
  constructor(
    private readonly body: ReadableStream<Uint8Array>,
    private readonly options: IVerifiedBodyOptions,
  ) {
    const { algorithm, hex, further, limit, size } = options;
    this.digests = { ...further, [algorithm]: hex };
    this.meter = new Meter(limit, size, Object.keys(this.digests));
  }

  /** bytes; before the end is reached, what was announced, if anything was */
  public get size(): number {
    return this.options.size ?? this.meter.size;
  }

  /** bytes, where announced */
  public get announced(): number | undefined {
    return this.options.size;
  }

  /** For the store. */
  public open(approve: () => Promise<void>): ReadableStream<Uint8Array> {
    return fromIterable(this.withheld(approve));
  }

  /** Reads and verifies what the store has already: that a caller knows a digest does not prove that it has the content. */
  public async drain(approve: () => Promise<void>): Promise<void> {
    for await (const _chunk of this.withheld(approve));
  }

  /** The whole content in memory. */
  public collect(approve: () => Promise<void>): Promise<Buffer> {
    return gather(this.withheld(approve));
  }

  /** Frees a body that nobody read. */
  public async discard(_failure?: unknown): Promise<void> {
    if (this.begun) return;
    this.begun = true;
    // a source that fails at being freed is free as well
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
