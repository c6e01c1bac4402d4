import { Buffer } from 'node:buffer';
import { RegistryError } from '../../../classes.registryerror.js';
import type { IS3Session } from '../connection/interfaces.session.js';
import type { ByteSource } from './classes.bytesource.js';
import { FIRST_ROOM, type UploadBudget } from './classes.uploadbudget.js';
import { type ITarget, MAX_PARTS, requireCompleteConditions } from './helpers.creation.js';
import { multipart } from './helpers.multipart.js';
import { putBytes } from './helpers.put.js';

/**
 * 10,000 parts of this size are 80 GiB. Larger parts save no time, and a part is held in memory while it is gathered.
 */
const PART = 8 * 1024 ** 2;
/** One is gathered while two are being sent (helpers.multipart.ts). */
const MAX_ROOMS = 3;

/** The memory of one upload. */
class UploadRooms {
  private beginning = 0;
  private readonly rooms = new Set<Buffer>();
  private readonly idle: Buffer[] = [];
  private wake = () => {};

  constructor(
    private readonly budget: UploadBudget,
    private readonly partSize: number,
  ) {}

  /** The first part, or all of a shorter body. */
  public async first(source: ByteSource, signal?: AbortSignal): Promise<Buffer> {
    let room = Buffer.alloc(0);
    let size = 0;
    for (let next = FIRST_ROOM; next < this.partSize && this.budget.growBeginning(this.beginning, next); next *= 2) {
      this.beginning = next;
      const larger = Buffer.allocUnsafeSlow(next);
      larger.set(room.subarray(0, size));
      room = larger;
      size += (await source.take(next - size, room.subarray(size))).byteLength;
      if (source.drained) return room.subarray(0, size);
    }
    const part = await this.budget.part(this.partSize, signal);
    this.rooms.add(part);
    part.set(room.subarray(0, size));
    this.endBeginning();
    size += (await source.take(this.partSize - size, part.subarray(size))).byteLength;
    return part.subarray(0, size);
  }

  /** Room for another part; waits only for parts of this upload. */
  public async next(): Promise<Buffer> {
    for (;;) {
      const idle = this.idle.pop();
      if (idle) return idle;
      const more = this.rooms.size < MAX_ROOMS ? this.budget.tryPart(this.partSize) : undefined;
      if (more) {
        this.rooms.add(more);
        return more;
      }
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  /** Call it when a part was sent. This upload keeps its last room. */
  public sent(part: Buffer, isReusable: boolean): void {
    for (const room of this.rooms) {
      if (room.buffer !== part.buffer) continue;
      if (this.rooms.size > 1) this.drop(room, isReusable);
      else this.idle.push(room);
    }
    this.wake();
  }

  public end(isReusable: boolean): void {
    this.endBeginning();
    for (const room of this.rooms) this.drop(room, isReusable);
  }

  private drop(room: Buffer, isReusable: boolean): void {
    this.rooms.delete(room);
    this.budget.endPart(room, isReusable);
  }

  private endBeginning(): void {
    this.budget.endBeginning(this.beginning);
    this.beginning = 0;
  }
}

/** Writes a body that is gathered in memory first: in one request if it fits a part, else as a multipart upload. */
export const putParts = async (
  session: IS3Session,
  target: ITarget,
  source: ByteSource,
  size?: number,
): Promise<{ etag: string }> => {
  const rooms = new UploadRooms(session.budget, Math.max(PART, Math.ceil((size ?? 0) / MAX_PARTS)));
  let isDone = false;
  const write = async (): Promise<{ etag: string }> => {
    const first = await rooms.first(source, target.signal);
    if (source.drained) return putBytes(session, target, first);
    requireCompleteConditions(session, target.condition);
    return multipart(
      session,
      target,
      async ({ upload, start }) => {
        const send = (number: number, part: Buffer): Promise<void> => {
          let isReusable = false;
          const sending = upload.send(number, part).then(() => {
            isReusable = true;
          });
          return start(sending.finally(() => rooms.sent(part, isReusable)));
        };
        await send(1, first);
        for (let number = 2; !source.drained; number++) {
          if (number > MAX_PARTS) throw new RegistryError('tooLarge', 'The storage does not take objects of this size');
          const room = await rooms.next();
          await send(number, await source.take(room.byteLength, room));
        }
      },
      (error) => source.fail(error),
    );
  };
  try {
    const written = await write();
    isDone = true;
    return written;
  } finally {
    // after a failure, an aborted request may still read its part
    rooms.end(isDone);
  }
};
