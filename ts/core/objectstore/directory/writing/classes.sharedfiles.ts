import type { DirectoryLayout } from '../files/classes.layout.js';
import { tolerate } from '../files/helpers.files.js';
import { ANY_KEY, createEtag, type IAbout, wholeFile } from '../files/helpers.header.js';
import { BytesDraft, type TDraftAbout, type TRank } from './classes.draft.js';

/**
 * ms for which a file is given further names: by so much its objects may seem older than they are, and no age that is
 * asked of objects is that short
 */
const FRESH_MS = 250;
/** kinds of content of which a file is kept at the same time: a few for each protocol, and a bound on memory */
const KINDS = 100;
/** names that are given to one file; a file system that allows few allows 1,023 */
const MAX_NAMES = 1000;

interface ISharedFile {
  kind: string;
  path: string;
  etag: string;
  made: Promise<void>;
  /** who may be about to give it another name */
  users: number;
  names: number;
  timer: NodeJS.Timeout;
}

/**
 * Many objects of one content, of which only the keys matter, are names of one file. To make a file for each, to sync it
 * and to free it again costs much more than two changes of a name: 500 pushes of blobs of 4 KiB took 2.0 s of CPU and
 * 4.5 s without this, 1.1 s and 2.7 s with it (medians of 9 runs in turn on a busy machine; two such objects per push,
 * the start of the upload and the link). Nothing ever changes in such a file. Its own name in `tmp/` is removed when it
 * is not fresh any more and nobody uses it.
 */
export class SharedFiles {
  private readonly fresh = new Map<string, ISharedFile>();

  constructor(private readonly layout: DirectoryLayout) {}

  public draft(key: string, about: TDraftAbout, body: Uint8Array): BytesDraft {
    return new SharedDraft(this.layout, key, about, body, this);
  }

  /**
   * A file with this content, safe unless it is `temporary`, that is an object under whatever name it is given until it is
   * released.
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

/** Shares a file where it is the first of its key; a version that follows another one has to remember that. */
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
