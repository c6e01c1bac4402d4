import { RegistryError } from '../../classes.registryerror.js';
import type { RegistryStorage } from '../../classes.registrystorage.js';
import { isDamage } from '../helpers.rows.js';
import type { LogSegments } from './classes.logsegments.js';
import { LogView } from './classes.logview.js';
import { headCodec, type ILogHead, sealedIn } from './helpers.loghead.js';

/** The stored head at one moment; null: there is none. */
export interface IStoredHead {
  head: ILogHead | null;
  lastModified: Date;
}

/** The parts of a log that its helpers share. */
export interface ILogParts {
  storage: RegistryStorage;
  /** the head; the others, in this order, if the store cannot read the ones before */
  headKeys: readonly string[];
  segments: LogSegments;
  /** the text before the first line */
  headText(created: string): string;
}

/** A segment that the head names cannot be read: another replica has replaced it, or it is lost. */
export class LostSegmentError extends Error {
  constructor(public readonly id: string) {
    super(`The segment ${id} of a log cannot be read`);
  }
}

/** This process does not know all sealed records of the head, or there is no head: it must be read first. */
export class StaleViewError extends Error {
  constructor() {
    super('The log must be read first');
  }
}

/** This process's view of the log, and how it is brought up to date. */
export class LogState {
  private current: LogView;
  private last: Promise<unknown> = Promise.resolve();
  /** number of reads of the head that were begun */
  private begun = 0;
  /** the read whose head the view has */
  private seen = 0;

  /** the key of the head that was read last */
  private key: string;

  constructor(private readonly parts: ILogParts) {
    this.current = new LogView('', '');
    this.key = parts.headKeys[0] as string;
  }

  /** The key of the head, as far as this process knows. */
  public get headKey(): string {
    return this.key;
  }

  public get view(): LogView {
    return this.current;
  }

  /**
   * Reads the head. The directory driver can neither read nor write a key whose file is damaged; then the head is at the
   * next key. All replicas find the same one, because a damaged file stays so until a person removes it; then there is
   * no head at its key, and the log is made from the documents once more.
   */
  public async readHead(): Promise<IStoredHead & { ticket: number }> {
    const ticket = ++this.begun;
    const { storage, headKeys } = this.parts;
    let failure: unknown;
    for (const key of headKeys) {
      try {
        const stored = await storage.read<ILogHead>(key, headCodec);
        this.key = key;
        return { head: stored?.value ?? null, lastModified: stored?.lastModified ?? new Date(0), ticket };
      } catch (error) {
        if (!isDamage(error)) throw error;
        storage.logger.error('The head of a log is damaged', { key, error: String(error) });
        failure = error;
      }
    }
    throw failure;
  }

  /**
   * Whether the view has all sealed records of this head; then a writer can tell from the view and the tail whether a
   * change is in the log.
   */
  public covers(head: ILogHead): boolean {
    return this.current.generation === head.generation && this.current.count >= sealedIn(head);
  }

  /**
   * Brings the view to this head. A read that was begun before that of the present view is ignored: it may be of a
   * generation that was replaced since.
   * @throws LostSegmentError
   */
  public async bringTo(head: ILogHead, ticket: number): Promise<void> {
    const isThere = () => this.covers(head) && this.current.count >= sealedIn(head) + head.tail.length;
    if (isThere()) return;
    const work = this.last.then(async () => {
      if (ticket < this.seen || isThere()) return;
      const isSame = this.current.generation === head.generation;
      const view = isSame ? this.current : this.newView(head);
      await this.fill(view, head);
      this.current = view;
      this.seen = ticket;
    });
    this.last = work.catch(() => undefined);
    await work;
  }

  private newView({ generation, created, segments }: ILogHead): LogView {
    const size = segments.reduce((sum, segment) => sum + segment.size, 0);
    return new LogView(generation, this.parts.headText(created), size);
  }

  private async fill(view: LogView, head: ILogHead): Promise<void> {
    let first = 0;
    for (const segment of head.segments) {
      const end = first + segment.records;
      if (view.count < end) {
        const bytes = await this.parts.segments.read(segment);
        if (!bytes) throw new LostSegmentError(segment.id);
        await view.addSegment(bytes, view.count - first);
        if (view.count !== end) throw new RegistryError('internal', 'A segment of a log has another number of records');
      }
      first = end;
    }
    view.addRecords(head.tail.slice(view.count - first));
  }
}
