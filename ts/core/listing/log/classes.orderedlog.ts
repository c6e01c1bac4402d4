import { RegistryError } from '../../classes.registryerror.js';
import type { RegistryStorage } from '../../classes.registrystorage.js';
import { ListingDocuments } from '../classes.listingdocuments.js';
import { isDamage } from '../helpers.rows.js';
import type { IFollowingLog, TRebuildProgress } from '../interfaces.listing.js';
import { LogFolder } from './classes.logfolder.js';
import { LogRebuild } from './classes.logrebuild.js';
import { LogSegments, spareHeadKey } from './classes.logsegments.js';
import { type IStoredHead, LogState, LostSegmentError, StaleViewError } from './classes.logstate.js';
import { DAMAGED_HEAD, headCodec, type ILogHead } from './helpers.loghead.js';
import { lastSerialIn, recordOf } from './helpers.records.js';
import type { ILogChange, ILogSnapshot, IOrderedLogOptions } from './interfaces.log.js';

/** ms for which a request waits for a rebuild before it gets 503. Clients wait longer than that. */
const REBUILD_PATIENCE_MS = 10_000;
/** Keys for the head beside the usual one: each is used only after a file at the one before was damaged. */
const SPARE_HEADS = 8;
/** Times that other replicas may fold or rebuild while one request reads the log. */
const TRIES = 16;

/**
 * A file to which every change of a package adds a line, for clients that keep a copy and fetch only what was appended.
 * It is the same on every replica, and it has a change when the publish returns.
 *
 *     document --note--> tail of the head --seal--> segment --merge--> larger segment
 *
 * The head is one document: {generation, created, segments, tail, owed}. An append is one conditional write of it; those
 * of one process that wait go out together. When the tail has 16 KiB it becomes an immutable segment, and segments are
 * merged 16 by 16, so the head stays small: an append costs the same with any number of packages.
 *
 *     none    --first read or append: made from the documents-->  whole
 *     whole   --append, seal, merge-->                            whole: the file only grows
 *     whole   --rebuild by command-->                             whole, of a new generation
 *     whole   --the head or a segment is lost or damaged-->       lost
 *     lost    --next read or append: made from the documents-->   whole, of a new generation
 *
 * With a new generation the bytes, and so their digests, are others: clients fetch all of it again.
 *
 * Each record carries the serial of its change, which the package's document counts. A change is appended only if its
 * serial is above the last one that the log has of this package. So a line is there once, although an answer was lost, a
 * repair ran twice, or two replicas appended the same change; and an older state that arrives late adds nothing. A crash
 * between document and append is repaired from the marker of the commit (`PackageCatalog`), by any replica.
 */
export class OrderedLog<TDoc> implements IFollowingLog<TDoc> {
  private readonly segments: LogSegments;
  private readonly state: LogState;
  private readonly folder: LogFolder;
  private readonly documents: ListingDocuments<TDoc, TDoc & object>;
  private readonly rebuilder: LogRebuild<TDoc>;
  private repair: () => Promise<void> = async () => {};
  private restoring: Promise<unknown> | undefined;
  private isFolding = false;
  private snapshot: ILogSnapshot | undefined;

  constructor(
    private readonly storage: RegistryStorage,
    private readonly options: IOrderedLogOptions<TDoc>,
  ) {
    const { headKey, segments: folder, format, codec, documents, documentKey } = options;
    const headKeys = [headKey, ...Array.from({ length: SPARE_HEADS }, (_, at) => spareHeadKey(folder, at + 1))];
    this.segments = new LogSegments(storage, folder);
    const parts = { storage, headKeys, segments: this.segments, headText: (created: string) => format.head(created) };
    this.state = new LogState(parts);
    this.folder = new LogFolder(parts, this.state);
    const entry = (_name: string, document: TDoc) => document as TDoc & object;
    const { prefix } = documents;
    this.documents = new ListingDocuments(storage, { prefix, documentKey, documents, codec, entry });
    this.rebuilder = new LogRebuild({ ...parts, state: this.state, documents: this.documents, format });
  }

  public repairWith(repair: () => Promise<void>): void {
    this.repair = repair;
  }

  public async note(name: string, document: TDoc | null): Promise<void> {
    // the lines of a package whose document was removed stay: its changes are not known
    if (document !== null) await this.append(name, this.options.format.changes(document));
  }

  public async follow(name: string): Promise<boolean> {
    const row = await this.documents.row(name);
    if (!row?.entry) return false;
    const changes = this.options.format.changes(row.entry);
    // the view may lack later changes of other processes, but never has one that the log has not
    if (this.state.view.serialOf(name) >= (changes.at(-1)?.serial ?? 0)) return false;
    return this.append(name, changes);
  }

  /** The log as it is stored now. Throws `unavailable` if the store fails, or while a lost log is being rebuilt. */
  public async current(): Promise<ILogSnapshot> {
    await this.repair();
    const { lastModified } = await this.read();
    const { view } = this.state;
    const { generation, size, headSize } = view;
    // within a generation the file only grows, so the size says which version it is
    if (this.snapshot?.generation !== generation || this.snapshot.bytes.byteLength !== size) {
      this.snapshot = { generation, bytes: view.bytes, ...view.digests(), headSize, lastModified };
    }
    return this.snapshot;
  }

  /** Makes a new generation from the documents; see `LogRebuild`. Returns the number of documents. */
  public async rebuild(progress?: TRebuildProgress): Promise<number> {
    const count = await this.rebuilder.run(undefined, progress);
    await this.read();
    return count;
  }

  public sweep(olderThanMs: number): Promise<number> {
    return this.segments.sweep(olderThanMs, async () => {
      const { head } = await this.state.readHead();
      // without a head it is not known which segments are in use; it must be rebuilt first
      return head === null || head === DAMAGED_HEAD ? null : head.segments;
    });
  }

  /** Reads the head, and what this process lacks of the log. */
  private async read(): Promise<{ head: ILogHead; lastModified: Date }> {
    for (let tries = 0; tries < TRIES; tries++) {
      const { head, lastModified } = await this.look();
      if (!head) continue;
      if (head.owed.length === 0) return { head, lastModified };
      for (const name of head.owed) await this.pay(name);
    }
    throw new RegistryError('unavailable', 'The log of packages changes too fast; try again in a moment');
  }

  /**
   * Reads the head once, and brings the view to it; what is owed is not looked at. Returns null as head if the log was
   * replaced meanwhile.
   */
  private async look(): Promise<IStoredHead> {
    const { head, lastModified, ticket } = await this.state.readHead();
    if (head === null || head === DAMAGED_HEAD) {
      await this.restored(head);
      return { head: null, lastModified };
    }
    try {
      await this.state.bringTo(head, ticket);
      return { head, lastModified };
    } catch (error) {
      await this.recover(error);
      return { head: null, lastModified };
    }
  }

  /** Called after a failure to read a segment. If the head still names it, it is lost; else it was replaced. */
  private async recover(error: unknown): Promise<void> {
    if (!(error instanceof LostSegmentError)) throw error;
    const { head } = await this.state.readHead();
    if (head?.segments.some(({ id }) => id === error.id)) await this.restored(head);
  }

  /** Appends what the log lacks of a package that changed while this generation was made. */
  private async pay(name: string): Promise<void> {
    const row = await this.documents.row(name);
    await this.append(name, row?.entry ? this.options.format.changes(row.entry) : [], true);
  }

  /**
   * Returns whether there was anything to append.
   * @param pays the package is no longer owed afterwards
   */
  private async append(name: string, changes: readonly ILogChange[], pays = false): Promise<boolean> {
    const last = changes.at(-1)?.serial ?? 0;
    if (last === 0 && !pays) return false;
    const applied = ({ tail, owed }: ILogHead): boolean =>
      lastSerialIn(tail, name) >= last && !(pays && owed.includes(name));
    for (let tries = 0; tries < TRIES; tries++) {
      let added = 0;
      try {
        const fn = (current: ILogHead | null): ILogHead | undefined => {
          const records = this.missing(current, name, changes);
          added = records.length;
          const owed = pays ? current?.owed.filter((other) => other !== name) : current?.owed;
          if (!current || (added === 0 && owed?.length === current.owed.length)) return undefined;
          return { ...current, tail: [...current.tail, ...records], owed: owed ?? [] };
        };
        const { value } = await this.storage.update<ILogHead>(this.state.headKey, fn, { codec: headCodec, applied });
        if (value && this.folder.isDue(value)) this.foldBehind();
        return added > 0;
      } catch (error) {
        // damaged: the head is at another key, or must be made anew
        if (!(error instanceof StaleViewError) && !isDamage(error)) throw error;
      }
      // not `read`, which would wait for this append if the package is owed
      await this.look();
    }
    throw new RegistryError('unavailable', 'The log of packages changes too fast; try again in a moment');
  }

  /** The records of changes that the log does not have. @throws StaleViewError if that cannot be told */
  private missing(current: ILogHead | null, name: string, changes: readonly ILogChange[]): string[] {
    if (current === null || current === DAMAGED_HEAD || !this.state.covers(current)) throw new StaleViewError();
    const last = Math.max(this.state.view.serialOf(name), lastSerialIn(current.tail, name));
    return changes.filter(({ serial }) => serial > last).map((change) => recordOf(name, change));
  }

  private foldBehind(): void {
    if (this.isFolding) return;
    this.isFolding = true;
    const done = () => {
      this.isFolding = false;
    };
    this.storage.runBehind('Folding a log', this.fold().finally(done));
  }

  private async fold(): Promise<void> {
    // the view must have the records before they are sealed; else it would have to read the segment
    const { head } = await this.read();
    try {
      await this.folder.fold(head);
    } catch (error) {
      await this.recover(error);
    }
  }

  /** Makes the log anew from the documents, once for all that wait; a caller waits for a while only. */
  private async restored(lost: ILogHead | null): Promise<void> {
    if (!this.restoring) {
      const restoring = this.restore(lost).finally(() => {
        this.restoring = undefined;
      });
      this.restoring = restoring;
      this.storage.runBehind('Rebuilding a log', restoring);
    }
    let timer: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise<'late'>((resolve) => {
      timer = setTimeout(resolve, REBUILD_PATIENCE_MS, 'late');
    });
    const outcome = await Promise.race([this.restoring, patience]).finally(() => clearTimeout(timer));
    if (outcome !== 'late') return;
    throw new RegistryError('unavailable', 'The log of packages is being rebuilt; try again in a moment');
  }

  private async restore(lost: ILogHead | null): Promise<void> {
    const documents = await this.rebuilder.run(lost);
    if (lost !== null || documents > 1) this.storage.logger.info('A log of packages was rebuilt', { documents });
  }
}
