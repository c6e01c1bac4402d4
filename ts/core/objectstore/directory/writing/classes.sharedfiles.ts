import type { DirectoryLayout } from '../files/classes.layout.js';
import { tolerate } from '../files/helpers.files.js';
import { ANY_KEY, createEtag, type IAbout, wholeFile } from '../files/helpers.header.js';
import { BytesDraft, type TDraftAbout, type TRank } from './classes.draft.js';

/**
 * ms for which a file gets further names. Its objects may seem older than they are by this much, and no check of an
 * object's age is that fine
 */
const FRESH_MS = 250;
/** kinds of content for which a file is kept at the same time: a few for each protocol, bounded for memory */
const KINDS = 100;
/** names of one file; the lowest limit of a file system is 1,023 */
const MAX_NAMES = 1000;

interface ISharedFile {
  kind: string;
  path: string;
  etag: string;
  made: Promise<void>;
  /** callers that may be about to link the file */
  users: number;
  names: number;
  timer: NodeJS.Timeout;
}

/**
 * Stores many objects with equal content as names of one file; only their keys matter. Making, syncing and freeing a
 * file for each costs much more than two changes of a name: 500 pushes of blobs of 4 KiB took 2.0 s of CPU and 4.5 s
 * without this, 1.1 s and 2.7 s with it (medians of 9 runs in turn on a busy machine; each push has two such objects,
 * the start of the upload and the link). The file never changes. Its name in `tmp/` is removed when it gets no further
 * names and nobody uses it.
 */
export class SharedFiles {
  private readonly fresh = new Map<string, ISharedFile>();

  constructor(private readonly layout: DirectoryLayout) {}

  public draft(key: string, about: TDraftAbout, body: Uint8Array): BytesDraft {
    return new SharedDraft(this.layout, key, about, body, this);
  }

  /**
   * Returns a file with this content, fsynced unless it is `temporary`. Until it is released, each link to it is an
   * object.
   */
  public async share(about: TDraftAbout, body: Uint8Array, temporary: boolean): Promise<ISharedFile> {
    const { contentType, metadata } = about;
    const kind = JSON.stringify([temporary, contentType, metadata, Buffer.from(body).toString('latin1')]);
    let file = this.fresh.get(kind);
    if (file && ++file.names > MAX_NAMES) this.retire(file);
    if (!file || file.names > MAX_NAMES) {
      file = this.make({ contentType, metadata }, body, temporary, kind);
      if (this.fresh.size < KINDS) this.fresh.set(kind, file);
    }
    file.users++;
    try {
      await file.made;
      return file;
    } catch (error) {
      await this.release(file);
      throw error;
    }
  }

  public async release(file: ISharedFile): Promise<void> {
    file.users--;
    if (this.fresh.get(file.kind) !== file) await this.remove(file);
  }

  public async clear(): Promise<void> {
    const files = [...this.fresh.values()];
    this.fresh.clear();
    for (const file of files) await this.remove(file);
  }

  private make(about: IAbout, body: Uint8Array, temporary: boolean, kind: string): ISharedFile {
    const { contentType: type, metadata: meta } = about;
    const path = this.layout.temporary();
    const etag = createEtag();
    const header = { key: ANY_KEY, etag, size: body.byteLength, at: Date.now(), type, meta };
    const made = this.layout.write(path, wholeFile(header, body), 'wx', temporary);
    const retire = () => this.retire(file);
    const file = { kind, path, etag, made, users: 0, names: 1, timer: setTimeout(retire, FRESH_MS).unref() };
    made.catch(retire);
    return file;
  }

  private retire(file: ISharedFile): void {
    if (this.fresh.get(file.kind) !== file) return;
    this.fresh.delete(file.kind);
    this.remove(file).catch(() => undefined); // a sweep will
  }

  private async remove({ users, path, timer }: ISharedFile): Promise<void> {
    if (users > 0) return;
    clearTimeout(timer);
    await tolerate(this.layout.files.unlink(path), 'ENOENT');
  }
}

/**
 * Uses a shared file for the first version of a key. A later version must remember the one before, so it gets a file of
 * its own.
 */
class SharedDraft extends BytesDraft {
  private shared: ISharedFile | undefined;

  constructor(
    layout: DirectoryLayout,
    key: string,
    private readonly aboutAll: TDraftAbout,
    private readonly content: Uint8Array,
    private readonly files: SharedFiles,
  ) {
    super(layout, key, aboutAll, content);
  }

  public override async seal(rank?: TRank, temporary = false): Promise<string> {
    if (rank?.n !== undefined) return super.seal(rank, temporary);
    this.shared ??= await this.files.share(this.aboutAll, this.content, temporary);
    this.etag = this.shared.etag;
    return this.shared.path;
  }

  public override async discard(): Promise<void> {
    if (this.shared) await this.files.release(this.shared);
    this.shared = undefined;
    await super.discard();
  }
}
