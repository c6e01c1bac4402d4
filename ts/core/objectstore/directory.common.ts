import { LRUCache } from '../../plugins.js';
import { BytesDraft, type TDraftAbout, type TRank } from './directory.draft.js';
import { tolerate } from './directory.files.js';
import { ANY_KEY, createEtag, wholeFile } from './directory.header.js';
import type { DirectoryLayout } from './directory.layout.js';

/** ms for which a file is given further names: by so much its objects may seem older than they are */
const FRESH_MS = 1_000;
/** ms until its own name is taken away; nobody is still about to give it another one then */
const KEPT_MS = 60_000;
/** kinds of content that are remembered */
const KINDS = 100;

interface ICommonFile {
  path: string;
  etag: string;
  made: Promise<void>;
}

/**
 * Objects that say what they have to say by their key alone are names of one file: to make one for each, to sync it and
 * to free it again costs many times as much as two changes of a name. Nothing ever changes in such a file.
 */
export class CommonFiles {
  private readonly fresh = new LRUCache<string, ICommonFile>({ max: KINDS, ttl: FRESH_MS });
  private readonly kept = new Map<string, NodeJS.Timeout>();

  constructor(private readonly layout: DirectoryLayout) {}

  public draft(key: string, about: TDraftAbout, body: Uint8Array): BytesDraft {
    return new CommonDraft(this.layout, key, about, body, this);
  }

  /** A file with this content, safe unless it is `scratch`, that is an object under whatever name it is given. */
  public async share(about: TDraftAbout, body: Uint8Array, scratch: boolean): Promise<{ path: string; etag: string }> {
    const { contentType, metadata } = about;
    const kind = JSON.stringify([scratch, contentType, metadata, Buffer.from(body).toString('latin1')]);
    let file = this.fresh.get(kind);
    if (!file) {
      file = this.make({ contentType, metadata }, body, scratch);
      this.fresh.set(kind, file);
      file.made.catch(() => this.fresh.delete(kind));
    }
    await file.made;
    return file;
  }

  public async clear(): Promise<void> {
    this.fresh.clear();
    for (const path of [...this.kept.keys()]) await this.remove(path);
  }

  private make({ contentType, metadata }: TDraftAbout, body: Uint8Array, scratch: boolean): ICommonFile {
    const path = this.layout.temporary();
    const etag = createEtag();
    const header = { key: ANY_KEY, etag, size: body.byteLength, at: Date.now(), type: contentType, meta: metadata };
    const remove = () => void this.remove(path).catch(() => undefined); // a sweep will
    this.kept.set(path, setTimeout(remove, KEPT_MS).unref());
    return { path, etag, made: this.write(path, wholeFile(header, body), scratch) };
  }

  private async write(path: string, whole: Buffer, scratch: boolean): Promise<void> {
    const { files } = this.layout;
    const fd = await files.open(path, 'wx');
    try {
      await files.write(fd, whole, 0);
      if (!scratch) await files.fsync(fd);
    } finally {
      files.release(fd);
    }
  }

  private async remove(path: string): Promise<void> {
    clearTimeout(this.kept.get(path));
    this.kept.delete(path);
    await tolerate(this.layout.files.unlink(path), 'ENOENT');
  }
}

/** Shares a file where it is the first of its key; a version that follows another one has to remember that. */
class CommonDraft extends BytesDraft {
  constructor(
    layout: DirectoryLayout,
    key: string,
    private readonly aboutAll: TDraftAbout,
    private readonly content: Uint8Array,
    private readonly files: CommonFiles,
  ) {
    super(layout, key, aboutAll, content);
  }

  public override async seal(rank?: TRank, scratch = false): Promise<string> {
    if (rank?.n !== undefined) return super.seal(rank, scratch);
    const { path, etag } = await this.files.share(this.aboutAll, this.content, scratch);
    this.etag = etag;
    return path;
  }
}
