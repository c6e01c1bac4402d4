import * as plugins from '../../../plugins.js';
import { Slices } from '../../base/helpers.slices.js';
import { type IRecordPlace, placesIn, serializeRecords } from './helpers.records.js';

/** Records that are read between two looks at the clock: less than 0.1 ms. */
const STEP = 64;
/** Bytes that are hashed at once: 0.5 ms. */
const HASHED = 256 * 1024;

/**
 * One process's copy of the log: the bytes that readers get, and the last serial of each package. It only grows, so
 * what was handed out stays as it was, and the digests of all bytes cost as much as the bytes that were added.
 */
export class LogView {
  /** number of records */
  public count = 0;
  public readonly headSize: number;
  private readonly serials = new Map<string, number>();
  private room: Buffer;
  private used = 0;
  private hashed = 0;
  private readonly md5 = plugins.crypto.createHash('md5');
  private readonly sha256 = plugins.crypto.createHash('sha256');

  /**
   * @param head the text before the first line
   * @param size bytes that are expected, so that the memory need not grow step by step
   */
  constructor(
    public readonly generation: string,
    head: string,
    size = 0,
  ) {
    const bytes = Buffer.from(head);
    this.headSize = bytes.byteLength;
    this.room = Buffer.allocUnsafeSlow(Math.max(4096, this.headSize + size));
    this.append(bytes, 0, bytes.byteLength);
  }

  /** The last serial of a package; 0 if it has none. */
  public serialOf(name: string): number {
    return this.serials.get(name) ?? 0;
  }

  public get size(): number {
    return this.used;
  }

  /** All bytes so far. The buffer may be shared with later versions, which only write behind them. */
  public get bytes(): Buffer {
    return this.room.subarray(0, this.used);
  }

  /** The digests of all bytes so far, in hex. */
  public digests(): { md5: string; sha256: string } {
    this.hash(this.used);
    return { md5: this.md5.copy().digest('hex'), sha256: this.sha256.copy().digest('hex') };
  }

  /**
   * Adds the records of a segment.
   * @param skip number of its records that the view has already
   * @throws SyntaxError if the bytes are damaged
   */
  public async addSegment(bytes: Buffer, skip: number): Promise<void> {
    const slices = new Slices();
    this.reserve(bytes.byteLength);
    let seen = 0;
    for (const place of placesIn(bytes)) {
      if (seen++ < skip) continue;
      this.add(bytes, place);
      if (this.used - this.hashed >= HASHED) this.hash(this.hashed + HASHED);
      if (seen % STEP === 0 && slices.due) await slices.rest();
    }
  }

  /** Adds records of a tail. */
  public addRecords(records: readonly string[]): void {
    const bytes = serializeRecords(records);
    for (const place of placesIn(bytes)) this.add(bytes, place);
  }

  private add(bytes: Buffer, { name, serial, from, to }: IRecordPlace): void {
    this.serials.set(name, Math.max(serial, this.serialOf(name)));
    this.append(bytes, from, to);
    this.count++;
  }

  private append(bytes: Buffer, from: number, to: number): void {
    this.reserve(to - from);
    bytes.copy(this.room, this.used, from, to);
    this.used += to - from;
  }

  private reserve(more: number): void {
    const size = this.used + more;
    if (size <= this.room.byteLength) return;
    // a quarter more than needed, so that each byte is copied a few times only
    const room = Buffer.allocUnsafeSlow(size + (size >> 2));
    this.room.copy(room, 0, 0, this.used);
    this.room = room;
  }

  private hash(to: number): void {
    const bytes = this.room.subarray(this.hashed, to);
    this.md5.update(bytes);
    this.sha256.update(bytes);
    this.hashed = to;
  }
}
