import { BytesDraft, type TDraftAbout, type TRank } from './directory.draft.js';
import { tolerate } from './directory.files.js';
import { ANY_KEY, createEtag, wholeFile } from './directory.header.js';
import type { DirectoryLayout } from './directory.layout.js';

/** ms for which a file is given further names: by so much its objects may seem older than they are */
const FRESH_MS = 1_000;
/** ms until its own name is taken away; nobody is still about to give it another one then */
const KEPT_MS = 60_000;

interface IEmptyFile {
  path: string;
  etag: string;
  made: Promise<void>;
}

/**
 * Objects that are empty, are about the same and need not survive a loss of power, as the beginnings of uploads, are
 * names of one file. To make a file for each and to free it again costs many times as much as two changes of a name.
 */
export class EmptyFiles {
  private readonly fresh = new Map<string, IEmptyFile>();
  private readonly kept = new Map<string, NodeJS.Timeout>();

  constructor(private readonly layout: DirectoryLayout) {}

  public draft(key: string, about: TDraftAbout): BytesDraft {
    return new EmptyDraft(this.layout, key, about, this);
  }

  public async share({ contentType, metadata }: TDraftAbout): Promise<{ path: string; etag: string }> {
    const text = JSON.stringify([contentType, metadata]);
    let file = this.fresh.get(text);
    if (!file) {
      file = this.make({ contentType, metadata });
      this.fresh.set(text, file);
      const forget = () => void this.fresh.delete(text);
      setTimeout(forget, FRESH_MS).unref();
      file.made.catch(forget);
    }
    await file.made;
    return file;
  }

  public async clear(): Promise<void> {
    this.fresh.clear();
    for (const path of [...this.kept.keys()]) await this.remove(path);
  }

  private make({ contentType, metadata }: TDraftAbout): IEmptyFile {
    const path = this.layout.temporary();
    const etag = createEtag();
    const header = { key: ANY_KEY, etag, size: 0, at: Date.now(), type: contentType, meta: metadata };
    const remove = () => void this.remove(path).catch(() => undefined); // a sweep will
    this.kept.set(path, setTimeout(remove, KEPT_MS).unref());
    return { path, etag, made: this.write(path, wholeFile(header, new Uint8Array())) };
  }

  private async write(path: string, whole: Buffer): Promise<void> {
    const { files } = this.layout;
    const fd = await files.open(path, 'wx');
    try {
      await files.write(fd, whole, 0);
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

/** Shares a file where it can: as the first of its key, and as scratch. */
class EmptyDraft extends BytesDraft {
  constructor(
    layout: DirectoryLayout,
    key: string,
    private readonly aboutAll: TDraftAbout,
    private readonly empties: EmptyFiles,
  ) {
    super(layout, key, aboutAll, new Uint8Array());
  }

  public override async seal(rank: TRank = {}, scratch = false): Promise<string> {
    if (rank.n !== undefined || !scratch) return super.seal(rank, scratch);
    const { path, etag } = await this.empties.share(this.aboutAll);
    this.etag = etag;
    return path;
  }
}
