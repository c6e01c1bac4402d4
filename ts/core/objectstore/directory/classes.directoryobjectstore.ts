import type { ILogger } from '../../interfaces.core.js';
import type {
  IComposeOptions,
  IGetOptions,
  IListOptions,
  IObject,
  IObjectInfo,
  IObjectPrefix,
  IObjectStore,
  IPutOptions,
  IScannedKey,
  IScanOptions,
} from '../interfaces.objectstore.js';
import { DirectoryLayout } from './files/classes.layout.js';
import { guarded, type IFiles, nodeFiles, storeError } from './files/helpers.files.js';
import { checkAbout, toInfo } from './files/helpers.header.js';
import { bestEffort } from './files/helpers.outcome.js';
import { Lookup } from './reading/classes.lookup.js';
import { VersionReader } from './reading/classes.versionreader.js';
import { bodyOf, resolveRange } from './reading/helpers.body.js';
import { forget, listObjects } from './reading/helpers.listing.js';
import { scanKeys } from './reading/helpers.scan.js';
import { Composer } from './writing/classes.composer.js';
import { BytesDraft, type Draft } from './writing/classes.draft.js';
import { Generations } from './writing/classes.generations.js';
import { Publisher } from './writing/classes.publisher.js';
import { SharedFiles } from './writing/classes.sharedfiles.js';
import { takeIn } from './writing/helpers.intake.js';

/** bytes that are read when a file is opened: the whole of most documents */
const FIRST_READ = 16 * 1024;
/** no upload takes this long */
const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * Objects in a directory of the local file system. Any number of processes and containers may share it, and each may be
 * killed at any moment. Each write is complete and fsynced in `tmp/` before a name in `objects/` leads to it. The file
 * system must have hard links, atomic renames and the same view for all processes: a local one, not NFS.
 *
 * How keys become paths: helpers.names.ts. How objects are rewritten: classes.generations.ts. What a file contains:
 * helpers.header.ts.
 */
export class DirectoryObjectStore implements IObjectStore {
  public readonly conditionalWrites = true;
  private readonly layout: DirectoryLayout;
  private readonly generations: Generations;
  private readonly lookup: Lookup;
  private readonly publisher: Publisher;
  private readonly composer: Composer;
  private readonly sharedFiles: SharedFiles;

  /** @param files for tests, which halt or fail single calls to the file system */
  constructor(
    private readonly directory: string,
    private readonly files: IFiles = nodeFiles,
    private readonly logger?: ILogger,
  ) {
    this.layout = new DirectoryLayout(directory, files);
    const reader = new VersionReader(files);
    this.generations = new Generations(this.layout, reader);
    this.lookup = new Lookup(files, this.generations, reader);
    this.publisher = new Publisher(this.layout, reader, this.generations, this.lookup);
    this.composer = new Composer(this.layout, this.lookup);
    this.sharedFiles = new SharedFiles(this.layout);
  }

  /** Creates the directory, and removes leftovers of dead writers that are older than a day. */
  public init(): Promise<void> {
    return guarded(async () => {
      const mode = await this.layout.prepare();
      if (mode !== undefined) {
        const message = 'Other users of this machine may read the storage directory, which holds secrets';
        this.logger?.warn(message, {
          directory: this.directory,
          mode: mode.toString(8),
          remedy: 'chmod -R go= DIRECTORY',
        });
      }
      await bestEffort(this.layout.clean(DAY_MS));
    });
  }

  public destroy(): Promise<void> {
    return guarded(() => this.sharedFiles.clear());
  }

  public sweep(olderThanMs: number): Promise<number> {
    return guarded(() => this.layout.clean(olderThanMs));
  }

  public head(key: string): Promise<IObjectInfo | null> {
    return guarded(async () => {
      const path = this.layout.pathOf(key);
      const current = await this.lookup.current(key, path);
      const { version } = current;
      if (version && !version.header.deleted) return toInfo(version.header);
      if (!version) await this.layout.attached();
      // `scan` yields deleted keys for as long as their tombstones are there
      await forget(this.publisher, path, current);
      return null;
    });
  }

  public glance(key: string): IObjectInfo | undefined {
    const version = this.lookup.glance(key, this.layout.pathOf(key));
    return version && toInfo(version.header);
  }

  public get(key: string, options: IGetOptions = {}): Promise<IObject | 'notModified' | null> {
    const { range, ifNoneMatch, signal } = options;
    return guarded(async () => {
      const path = this.layout.pathOf(key);
      signal?.throwIfAborted();
      if (ifNoneMatch !== undefined) {
        const { version } = await this.lookup.current(key, path);
        if (version?.header.etag === ifNoneMatch && !version.header.deleted) return 'notModified';
      }
      const opened = await this.lookup.open(key, path, FIRST_READ);
      if (!opened) {
        await this.layout.attached();
        return null;
      }
      const { header } = opened.version;
      let wanted: { start: number; end: number } | undefined;
      try {
        signal?.throwIfAborted();
        wanted = range && resolveRange(range, header.size);
      } catch (error) {
        this.files.release(opened.fd);
        throw error;
      }
      const [start, end] = wanted ? [wanted.start, wanted.end + 1] : [0, header.size];
      const body = await bodyOf(this.files, opened, start, end, signal);
      return { info: toInfo(header), body, ...(wanted ? { range: wanted } : {}) };
    });
  }

  public async put(
    key: string,
    body: Uint8Array | ReadableStream<Uint8Array>,
    options: IPutOptions = {},
  ): Promise<{ etag: string }> {
    try {
      const path = this.layout.pathOf(key);
      checkAbout(options);
      options.signal?.throwIfAborted();
      // if the write is refused now, the body need not be read
      if (!(body instanceof Uint8Array)) await this.precheck(key, path, options);
      const draft = await this.draft(key, body, options);
      try {
        options.signal?.throwIfAborted();
        await this.publisher.publish(path, draft, options, options);
        return { etag: draft.etag };
      } finally {
        // the outcome is decided; a sweep removes what stays in `tmp/`
        await bestEffort(draft.discard());
      }
    } catch (error) {
      // a source that has failed refuses to be cancelled; the caller gets the error that came first
      if (!(body instanceof Uint8Array) && !body.locked) body.cancel(error).catch(() => {});
      throw storeError(error);
    }
  }

  public compose(target: string, parts: string[], options: IComposeOptions = {}): Promise<{ etag: string }> {
    return guarded(async () => {
      const path = this.layout.pathOf(target);
      checkAbout(options);
      await this.precheck(target, path, options);
      const draft = await this.composer.draft({ ...options, target, parts });
      try {
        options.signal?.throwIfAborted();
        await this.publisher.publish(path, draft, options, options);
        return { etag: draft.etag };
      } finally {
        await bestEffort(draft.discard());
      }
    });
  }

  public delete(key: string, options: { ifMatch?: string; repeatable?: boolean } = {}): Promise<void> {
    return guarded(() => this.publisher.remove(key, this.layout.pathOf(key), options));
  }

  public list(options: IListOptions): AsyncIterable<IObjectInfo | IObjectPrefix> {
    const { layout, generations, lookup, publisher, logger } = this;
    return listObjects({ layout, generations, lookup, publisher, logger }, options);
  }

  public scan(options: IScanOptions): AsyncIterable<IScannedKey> {
    return scanKeys({ layout: this.layout, generations: this.generations }, options);
  }

  private async draft(
    key: string,
    body: Uint8Array | ReadableStream<Uint8Array>,
    options: IPutOptions,
  ): Promise<Draft> {
    const { shareable, immutable, ifNoneMatch } = options;
    const draft = await takeIn(this.layout, key, body, options);
    // without a condition the shared file might replace another object by a rename, which takes away its own name
    const shares = shareable && immutable && ifNoneMatch && body instanceof Uint8Array && draft instanceof BytesDraft;
    return shares ? this.sharedFiles.draft(key, options, body) : draft;
  }

  private async precheck(key: string, path: string, options: IPutOptions): Promise<void> {
    if (options.ifMatch === undefined && options.ifNoneMatch === undefined) return;
    this.publisher.check(options, (await this.lookup.current(key, path)).version);
  }
}
