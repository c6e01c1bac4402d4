import { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import type { RegistryError } from '../../../classes.registryerror.js';
import { readWhole } from '../reading/helpers.read.js';
import { deleteObject } from '../writing/helpers.delete.js';
import { putBytes } from '../writing/helpers.put.js';
import { unavailable } from './helpers.errors.js';
import { pause } from './helpers.request.js';
import type { IS3Session } from './interfaces.session.js';

/** If a crash leaves it and nobody starts again, it is swept with the other staging objects. */
const NAME = 'staging/replica';

interface IClaim {
  id: string;
  /** a number that grows while the writer lives */
  beat: number;
}

/**
 * If a server ignores conditions, two replicas would lose each other's writes, so the second one refuses to start. The
 * running replica renews its claim. If a claim is not renewed while it is watched, its replica has crashed, and the
 * claim is taken over. This compares no clocks. Two replicas that start at the same moment see each other at the next
 * renewal, and the one whose claim was overwritten stops writing.
 */
export class LoneWriter {
  private readonly id = randomUUID();
  private beat = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private lost = false;

  private constructor(
    private readonly session: IS3Session,
    private readonly beatMs: number,
  ) {}

  /** Throws `unavailable` if another replica runs. */
  public static async claim(session: IS3Session, beatMs: number): Promise<LoneWriter> {
    const writer = new LoneWriter(session, beatMs);
    const before = await writer.read();
    if (before) {
      await pause(beatMs * 2.5);
      const after = await writer.read();
      if (after && (after.id !== before.id || after.beat !== before.beat)) throw taken();
    }
    await writer.write();
    // long enough for a replica that started at the same time to have written its claim
    await pause(beatMs / 4);
    if ((await writer.read())?.id !== writer.id) throw taken();
    writer.schedule();
    return writer;
  }

  /** Call it before each write. Throws if the claim was lost. */
  public check(): void {
    if (this.lost) throw taken();
  }

  public async release(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.lost) return;
    await deleteObject(this.session, NAME).catch((error: unknown) => {
      this.session.logger.warn('The claim to be the only replica could not be given up', { error });
    });
  }

  private schedule(): void {
    this.timer = setTimeout(() => void this.renew(), this.beatMs);
    // the claim must not keep a process alive
    this.timer.unref?.();
  }

  private async renew(): Promise<void> {
    try {
      this.lost = (await this.read())?.id !== this.id;
      if (!this.lost) await this.write();
      else
        this.session.logger.error(
          'Another replica writes to this storage, which has no conditional writes: this one stops',
        );
    } catch (error) {
      this.session.logger.warn('The claim to be the only replica could not be renewed', { error });
    }
    if (this.timer && !this.lost) this.schedule();
  }

  private async read(): Promise<IClaim | null> {
    const bytes = await readWhole(this.session, NAME);
    return bytes && (JSON.parse(Buffer.from(bytes).toString()) as IClaim);
  }

  private async write(): Promise<void> {
    const claim: IClaim = { id: this.id, beat: ++this.beat };
    const target = { key: this.session.settings.prefix + NAME, name: NAME, condition: {} };
    await putBytes(this.session, target, Buffer.from(JSON.stringify(claim)));
  }
}

const taken = (): RegistryError =>
  unavailable(
    'Another replica uses this S3 server, which ignores conditional writes. Run one only, or set config.storage.allowUnconditionalWrites and accept lost updates',
  );
