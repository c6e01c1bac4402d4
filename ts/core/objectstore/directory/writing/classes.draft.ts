import type { DirectoryLayout } from '../files/classes.layout.js';
import { tolerate } from '../files/helpers.files.js';
import { createEtag, type IAbout, type IHeader, RESERVED, reservedHeader, wholeFile } from '../files/helpers.header.js';

export type TDraftAbout = IAbout & Pick<IHeader, 'deleted'>;
/** the generation's number, and what it remembers of earlier generations */
export type TRank = Pick<IHeader, 'n' | 'past'>;

/**
 * A version of an object that is not published yet: its bytes are safe in `tmp/`. Its header is not final, because it
 * lists the versions before; so `seal` may be called again if another writer was faster.
 */
export abstract class Draft {
  public etag = createEtag();
  public abstract readonly size: number;

  constructor(
    protected readonly layout: DirectoryLayout,
    public readonly key: string,
    private readonly about: TDraftAbout,
  ) {}

  /** Writes the header, and fsyncs the file unless it is `temporary`. Returns the path of the complete file. */
  public abstract seal(rank?: TRank, temporary?: boolean): Promise<string>;
  /** Like `seal`, under a name that no other process knows yet. */
  public abstract sealAs(file: string, rank: TRank): Promise<void>;
  public abstract discard(): Promise<void>;

  /** The header that was written last. */
  public header!: IHeader;
  /** Where the body begins in the file. */
  public offset = RESERVED;

  protected nextHeader({ n, past }: TRank): IHeader {
    const { contentType, metadata, deleted } = this.about;
    this.header = {
      key: this.key,
      etag: this.etag,
      size: this.size,
      at: Date.now(),
      ...(contentType === undefined ? {} : { type: contentType }),
      ...(metadata === undefined ? {} : { meta: metadata }),
      ...(n ? { n } : {}),
      ...(past ? { past } : {}),
      ...(deleted ? { deleted } : {}),
    };
    return this.header;
  }
}

/** A small body: the file has no reserved space and is written at once when the header is known. */
export class BytesDraft extends Draft {
  private file: string | undefined;

  constructor(
    layout: DirectoryLayout,
    key: string,
    about: TDraftAbout,
    private readonly body: Uint8Array,
  ) {
    super(layout, key, about);
  }

  public get size(): number {
    return this.body.byteLength;
  }

  public async seal(rank: TRank = {}, temporary = false): Promise<string> {
    this.file ??= this.layout.temporary();
    await this.write(this.file, rank, temporary);
    return this.file;
  }

  public sealAs(file: string, rank: TRank): Promise<void> {
    return this.write(file, rank);
  }

  public async discard(): Promise<void> {
    if (this.file) await tolerate(this.layout.files.unlink(this.file), 'ENOENT');
  }

  private async write(file: string, rank: TRank, temporary = false): Promise<void> {
    const whole = wholeFile(this.nextHeader(rank), this.body);
    this.offset = whole.byteLength - this.size;
    await this.layout.write(file, whole, 'w', temporary);
  }
}

/** A large body that is already in a file, behind the reserved space; the header is written in place. */
export class FileDraft extends Draft {
  constructor(
    layout: DirectoryLayout,
    key: string,
    about: IAbout,
    private readonly file: string,
    /** open for writing; the draft closes it */
    private readonly fd: number,
    public readonly size: number,
    private readonly slot: 0 | 1 = 0,
  ) {
    super(layout, key, about);
  }

  public async seal(rank: TRank = {}, temporary = false): Promise<string> {
    const { bytes, position } = reservedHeader(this.nextHeader(rank), this.slot);
    await this.layout.files.write(this.fd, bytes, position);
    if (!temporary) await this.layout.files.fsync(this.fd);
    return this.file;
  }

  public async sealAs(file: string, rank: TRank): Promise<void> {
    await this.layout.files.link(await this.seal(rank), file);
  }

  public async discard(): Promise<void> {
    try {
      await this.layout.files.close(this.fd);
    } finally {
      await tolerate(this.layout.files.unlink(this.file), 'ENOENT');
    }
  }
}
