import { OutcomeUnknownError } from '../../storage/documents/helpers.conditionalwrite.js';
import { type ILogParts, type LogState, LostSegmentError } from './classes.logstate.js';
import {
  DAMAGED_HEAD,
  headCodec,
  type ILogHead,
  type ILogSegment,
  runToMerge,
  SEAL_FROM,
  tailSize,
  withMerged,
  withSealed,
} from './helpers.loghead.js';
import { serializeRecords } from './helpers.records.js';

/**
 * Moves records from the tail into segments, and joins small segments. Neither changes what readers get. Several
 * replicas may do this at once: one of them wins, and the others delete what they wrote.
 */
export class LogFolder {
  constructor(
    private readonly parts: ILogParts,
    private readonly state: LogState,
  ) {}

  public isDue(head: ILogHead): boolean {
    return tailSize(head) >= SEAL_FROM || runToMerge(head.segments) !== undefined;
  }

  /** @throws LostSegmentError if a segment cannot be read */
  public async fold(head: ILogHead): Promise<void> {
    let current: ILogHead | undefined = head;
    if (tailSize(head) >= SEAL_FROM) {
      const written = await this.parts.segments.write(serializeRecords(head.tail), head.tail.length);
      current = await this.replace(written, (now) => withSealed(now, head, written));
    }
    for (;;) {
      const run = current && runToMerge(current.segments);
      if (!run) return;
      current = await this.merge(run);
    }
  }

  private async merge(run: readonly ILogSegment[]): Promise<ILogHead | undefined> {
    const { segments } = this.parts;
    const pieces: Buffer[] = [];
    for (const segment of run) {
      const bytes = await segments.read(segment);
      if (!bytes) throw new LostSegmentError(segment.id);
      pieces.push(bytes);
    }
    const records = run.reduce((sum, segment) => sum + segment.records, 0);
    const written = await segments.write(Buffer.concat(pieces), records);
    const head = await this.replace(written, (now) => withMerged(now, run, written));
    if (head) await segments.drop(run);
    return head;
  }

  /**
   * Writes the head that `fn` returns, which names the new segment. The segment is removed if another replica was faster
   * or if the write certainly failed. If its outcome is unknown it stays, because the head may name it.
   */
  private async replace(
    written: ILogSegment,
    fn: (current: ILogHead) => ILogHead | undefined,
  ): Promise<ILogHead | undefined> {
    const { storage, segments } = this.parts;
    let made: ILogHead | undefined;
    try {
      const { value } = await storage.update<ILogHead>(
        this.state.headKey,
        (current) => {
          made = current === null || current === DAMAGED_HEAD ? undefined : fn(current);
          return made;
        },
        { codec: headCodec, applied: (current) => current.segments.some(({ id }) => id === written.id) },
      );
      if (made) return value ?? undefined;
    } catch (error) {
      if (!(error instanceof OutcomeUnknownError)) await segments.drop([written]);
      throw error;
    }
    await segments.drop([written]);
    return undefined;
  }
}
