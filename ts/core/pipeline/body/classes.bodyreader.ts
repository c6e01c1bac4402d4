import { fromIterable, gather } from '../../base/helpers.streams.js';
import { RegistryError } from '../../classes.registryerror.js';

/** A part of the body that was returned as a stream. */
interface IFrame {
  /** bytes that have not been read yet; `Infinity`: the rest of the body */
  left: number;
  /** the frame before this one, which may not be read to its end */
  before?: IFrame;
  /** its unread bytes were skipped */
  isSkipped?: boolean;
}

/**
 * Reads a body piece by piece, for formats of length-prefixed frames (cargo: u32le, JSON, u32le, crate). One call at a
 * time. If a frame was not read to its end, the next call skips the rest.
 */
export class BodyReader {
  /** bytes that have arrived and belong to the next call */
  private held: Uint8Array | undefined;
  private frame: IFrame | undefined;
  private isBusy = false;

  constructor(
    private readonly chunks: AsyncGenerator<Uint8Array>,
    /**
     * maximum bytes of one `take`: otherwise a client could make the registry allocate any amount of memory by the
     * length that it sends
     */
    private readonly limit: number,
  ) {}

  /**
   * Returns exactly `count` bytes. Throws `tooLarge` if that is more than the limit, `invalid` if the body ends before.
   */
  public async take(count: number): Promise<Buffer> {
    if (count > this.limit) {
      throw new RegistryError(
        'tooLarge',
        `A part of ${count} bytes is larger than the ${this.limit} that are accepted`,
      );
    }
    await this.skip();
    return gather(this.read({ left: checked(count) }));
  }

  /** The next `count` bytes as they arrive; the stream fails with `invalid` if the body ends before. */
  public takeStream(count: number): ReadableStream<Uint8Array> {
    return this.streamOf({ left: checked(count) });
  }

  /** The rest of the body, as it arrives. */
  public rest(): ReadableStream<Uint8Array> {
    return this.streamOf({ left: Number.POSITIVE_INFINITY });
  }

  /** Throws `invalid` if the body has further bytes. */
  public async end(): Promise<void> {
    await this.skip();
    if (await this.some(1)) throw new RegistryError('invalid', 'The request body continues after its last part');
  }

  private streamOf(frame: IFrame): ReadableStream<Uint8Array> {
    frame.before = this.frame;
    this.frame = frame;
    return fromIterable(this.readStream(frame));
  }

  private async *readStream(frame: IFrame): AsyncGenerator<Uint8Array> {
    if (frame.before) await this.drain(frame.before);
    frame.before = undefined;
    for await (const chunk of this.read(frame)) {
      yield chunk;
      // if the stream ended here, its reader would take it for complete
      if (frame.isSkipped) throw afterItsTurn();
    }
    if (frame.isSkipped) throw afterItsTurn();
  }

  private async *read(frame: IFrame): AsyncGenerator<Uint8Array> {
    while (frame.left > 0) {
      const chunk = await this.some(frame.left);
      if (!chunk) {
        if (frame.left !== Number.POSITIVE_INFINITY) throw endsEarly(frame.left);
        frame.left = 0;
        return;
      }
      frame.left -= chunk.byteLength;
      yield chunk;
    }
  }

  /** Skips the rest of the frame that was returned last. */
  private async skip(): Promise<void> {
    const { frame } = this;
    this.frame = undefined;
    if (frame) await this.drain(frame);
  }

  private async drain(frame: IFrame): Promise<void> {
    const { before } = frame;
    frame.before = undefined;
    if (before) await this.drain(before);
    frame.isSkipped = frame.left > 0;
    for await (const _chunk of this.read(frame));
  }

  /** Returns up to `most` bytes; undefined at the end of the body. */
  private async some(most: number): Promise<Uint8Array | undefined> {
    if (this.isBusy) throw new RegistryError('internal', 'Two parts of the request body were read at once');
    this.isBusy = true;
    try {
      const chunk = this.held ?? ((await this.chunks.next()).value as Uint8Array | undefined);
      this.held = undefined;
      if (!chunk || chunk.byteLength <= most) return chunk;
      this.held = chunk.subarray(most);
      return chunk.subarray(0, most);
    } finally {
      this.isBusy = false;
    }
  }
}

const checked = (count: number): number => {
  if (Number.isSafeInteger(count) && count >= 0) return count;
  throw new RegistryError('invalid', 'The length of a part of the request body is not a number of bytes');
};

const endsEarly = (missing: number): RegistryError =>
  new RegistryError('invalid', `The request body ends ${missing} bytes before the end of a part`);

const afterItsTurn = (): RegistryError =>
  new RegistryError('internal', 'A part of the request body was read after its turn');
