import { Buffer } from 'node:buffer';
import { RegistryError } from '../../../classes.registryerror.js';
import { abortReason, unavailable } from '../connection/helpers.errors.js';

export interface IUploadBudgetOptions {
  /** bytes for the beginnings of uploads */
  beginnings?: number;
  /** bytes for whole parts */
  parts?: number;
  /** ms that an upload waits for its first part */
  waitMs?: number;
}

interface IWaiter {
  bytes: number;
  /** releases timer and listener, and passes the room on */
  grant(room: Buffer): void;
}

const MIB = 1024 ** 2;
/**
 * A beginning has this size at first and doubles: many manifests and documents fit, and a stalled upload holds little.
 */
export const FIRST_ROOM = 16 * 1024;
/** Registry clients give up on a silent server after a minute or more. */
const WAIT_MS = 30_000;
/** A beginning may grow to this fraction of the free bytes. */
const SHARE = 32;

/**
 * The memory of uploads that are gathered before they are sent: bodies of unknown length, which S3 takes only in whole
 * parts. Without a limit, 100 clients that send some megabytes and stall cost more than a gigabyte. All stores of the
 * process share one budget (`uploadBudget`).
 *
 * - **Beginnings.** Small bodies do not wait behind large ones. A beginning may grow to 1/32 of the free bytes: the
 *   more uploads stall, the less a further one can hold, and much is left for small ones (the dynamic threshold of
 *   shared packet buffers: Choudhury and Hahne, 1998). 100 stalled uploads leave about 3 MiB of 32 MiB.
 * - **Parts.** A body that outgrows its beginning waits for a whole part, first come first served, and throws
 *   `unavailable` after a while. An upload keeps its first part until it ends, so it is never refused once it has
 *   begun. An upload that holds a part waits for no other upload, so they cannot block each other. Further parts, which
 *   let an upload send several at once, are given only while nobody waits.
 */
export class UploadBudget {
  private freeBeginnings: number;
  private freeParts: number;
  private readonly waiting = new Set<IWaiter>();
  /** free rooms for the next parts: memory that was used before is several times faster than new memory */
  private readonly spare: Buffer[] = [];
  private readonly beginnings: number;
  private readonly parts: number;
  private readonly waitMs: number;

  constructor(options: IUploadBudgetOptions = {}) {
    // 1/32 of it is 1 MiB: bodies of known length up to that are read before they are sent (helpers.stream.ts)
    this.beginnings = this.freeBeginnings = options.beginnings ?? 32 * MIB;
    // 16 parts of 8 MiB: up to 16 uploads at once
    this.parts = this.freeParts = options.parts ?? 128 * MIB;
    this.waitMs = options.waitMs ?? WAIT_MS;
  }

  /** bytes that uploads hold */
  public get held(): number {
    return this.beginnings - this.freeBeginnings + this.parts - this.freeParts;
  }

  /** Whether an upload is waiting for a part. */
  public get isWanted(): boolean {
    return this.waiting.size > 0;
  }

  /**
   * Lets a beginning of `held` bytes grow to `bytes`; returns false if it must continue in a part. The first few
   * beginnings may always grow.
   */
  public growBeginning(held: number, bytes: number): boolean {
    const limit = bytes <= FIRST_ROOM ? this.freeBeginnings : this.freeBeginnings / SHARE;
    if (bytes > limit) return false;
    this.freeBeginnings -= bytes - held;
    return true;
  }

  public endBeginning(held: number): void {
    this.freeBeginnings += held;
  }

  /** Returns a room of this size, if one is free and nobody waits. */
  public tryPart(bytes: number): Buffer | undefined {
    return this.isWanted || bytes > this.freeParts ? undefined : this.roomOf(bytes);
  }

  public async part(bytes: number, signal?: AbortSignal): Promise<Buffer> {
    if (bytes > this.parts) throw new RegistryError('tooLarge', 'The storage does not take objects of this size');
    if (signal?.aborted) throw abortReason(signal);
    return this.tryPart(bytes) ?? this.wait(bytes, signal);
  }

  /** @param isReusable nothing reads the room any more, not even an aborted request */
  public endPart(room: Buffer, isReusable: boolean): void {
    this.freeParts += room.byteLength;
    if (isReusable) this.spare.push(room);
    for (const waiter of this.waiting) {
      if (waiter.bytes > this.freeParts) break;
      this.waiting.delete(waiter);
      waiter.grant(this.roomOf(waiter.bytes));
    }
    // an idle process keeps no memory
    if (this.freeParts === this.parts) this.spare.length = 0;
  }

  private wait(bytes: number, signal?: AbortSignal): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const stop = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      const leave = (reason: unknown) => {
        stop();
        this.waiting.delete(waiter);
        reject(reason);
      };
      const waiter: IWaiter = {
        bytes,
        grant: (room) => {
          stop();
          resolve(room);
        },
      };
      const onAbort = () => leave(abortReason(signal as AbortSignal));
      const timer = setTimeout(() => leave(unavailable('Too many uploads at once')), this.waitMs);
      signal?.addEventListener('abort', onAbort, { once: true });
      this.waiting.add(waiter);
    });
  }

  private roomOf(bytes: number): Buffer {
    this.freeParts -= bytes;
    const index = this.spare.findIndex(({ byteLength }) => byteLength === bytes);
    // the operating system allocates pages when they are written to, so an empty part costs nothing
    return this.spare.splice(index, index < 0 ? 0 : 1)[0] ?? Buffer.allocUnsafeSlow(bytes);
  }
}

export const uploadBudget = new UploadBudget();
