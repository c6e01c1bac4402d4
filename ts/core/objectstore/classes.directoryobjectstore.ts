import { bodyOf, resolveRange } from './directory.body.js';
import { Composer } from './directory.compose.js';
import { guarded, type IFiles, nodeFiles, storeError } from './directory.files.js';
import { checkAbout, toInfo } from './directory.header.js';
import { takeIn } from './directory.intake.js';
import { DirectoryLayout } from './directory.layout.js';
import { listObjects } from './directory.listing.js';
import { Publisher } from './directory.publisher.js';
import { VersionReader } from './directory.reading.js';
import type {
  IComposeOptions,
  IGetOptions,
  IListOptions,
  IObject,
  IObjectInfo,
  IObjectPrefix,
  IObjectStore,
  IPutOptions,
} from './interfaces.objectstore.js';

/**
 * Objects in a directory of the local file system, safe for any number of processes, containers included, that share
 * it, and against being killed at any moment. Each write is complete and fsynced in `tmp/` before a name in `objects/`
 * leads to it. The file system must have hard links and atomic renames.
 *
 * How keys become paths: directory.names.ts. How objects are rewritten: directory.generations.ts. What is in a file:
 * directory.header.ts.
 */
export class DirectoryObjectStore implements IObjectStore {
  public readonly conditionalWrites = true;
  private readonly layout: DirectoryLayout;
  private readonly reader: VersionReader;
  private readonly publisher: Publisher;
  private readonly composer: Composer;

  /** @param files for tests: the calls to the file system, to halt or break one of them */
  constructor(
    directory: string,
    private readonly files: IFiles = nodeFiles,
  ) {
    this.layout = new DirectoryLayout(directory, files);
    this.reader = new VersionReader(files);
    this.publisher = new Publisher(this.layout, this.reader);
    this.composer = new Composer(this.layout, this.reader, this.publisher);
  }

  /** Creates the directory and removes what writers that died left in it more than a day ago. */
  public init(): Promise<void> {
    return guarded(() => this.layout.prepare());
  }

  public head(key: string): Promise<IObjectInfo | null> {
    return guarded(async () => {
      const { version } = await this.publisher.current(key, this.layout.pathOf(key));
      if (version && !version.header.state) return toInfo(version.header);
      if (!version) await this.layout.attached();
      return null;
    });
  }

  public get(key: string, options: IGetOptions = {}): Promise<IObject | 'notModified' | null> {
    return guarded(async () => {
      const path = this.layout.pathOf(key);
      for (;;) {
        options.signal?.throwIfAborted();
        const object = await this.tryGet(key, path, options);
        if (object !== 'replaced') return object;
      }
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
      // a body that cannot be stored need not be read
      if (!(body instanceof Uint8Array)) await this.precheck(key, path, options);
      const draft = await takeIn(this.layout, key, body, options);
      try {
        options.signal?.throwIfAborted();
        await this.publisher.publish(path, draft, options, options.immutable ?? false);
        return { etag: draft.etag };
      } finally {
        await draft.discard();
      }
    } catch (error) {
      // a source that has failed itself refuses to be cancelled; the error to tell is the one that brought us here
      if (!(body instanceof Uint8Array) && !body.locked) await body.cancel(error).catch(() => {});
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
        await this.publisher.publish(path, draft, options, options.immutable ?? false);
        return { etag: draft.etag };
      } finally {
        await draft.discard();
      }
    });
  }

  public delete(key: string, options: { ifMatch?: string } = {}): Promise<void> {
    return guarded(() => this.publisher.remove(key, this.layout.pathOf(key), options));
  }

  public list(options: IListOptions): AsyncIterable<IObjectInfo | IObjectPrefix> {
    return listObjects(this.layout, this.publisher, options);
  }

  private async precheck(key: string, path: string, options: IPutOptions): Promise<void> {
    if (options.ifMatch === undefined && options.ifNoneMatch === undefined) return;
    this.publisher.check(options, (await this.publisher.current(key, path)).version);
  }

  private async tryGet(
    key: string,
    path: string,
    { range, ifNoneMatch, signal }: IGetOptions,
  ): Promise<IObject | 'notModified' | 'replaced' | null> {
    const { place, version } = await this.publisher.current(key, path);
    if (!version) await this.layout.attached();
    if (!version || version.header.state) return null;
    if (ifNoneMatch === version.header.etag) return 'notModified';
    const { size } = version.header;
    const wanted = range && resolveRange(range, size);
    const [start, end] = wanted ? [wanted.start, wanted.end + 1] : [0, size];
    const plain = place.form === 'plain';
    const opened = await this.reader.open(key, plain ? path : `${path}/${version.id}`, plain ? undefined : version.id);
    if (!opened) return 'replaced';
    if (opened.version.header.etag !== version.header.etag) {
      await this.files.close(opened.fd);
      return 'replaced';
    }
    const body = await bodyOf(this.files, opened, start, end, signal);
    return { info: toInfo(version.header), body, ...(wanted ? { range: wanted } : {}) };
  }
}
