import { promisify } from 'node:util';
import * as plugins from '../../../plugins.js';

const gzip = promisify(plugins.zlib.gzip);

/** Smaller bodies gain less from gzip than its header and the client's work cost. */
const GZIP_FROM = 1024;

export interface IRendered {
  body: string | Uint8Array | object;
  contentType: string;
  /** when the content last changed, if the document knows; default: when its object was stored */
  lastModified?: Date;
  /** a strong ETag, without quotes, for clients that need one of their own kind (Bundler: md5); default: made here */
  etag?: string;
  /** false = never sent as gzip, for clients that take the ETag for a digest of what they unpack */
  compressible?: boolean;
}

/** One representation of a document: its bytes, a strong ETag of those bytes, and the gzip form once it was asked for. */
export class Rendering {
  public readonly bytes: Buffer;
  public readonly contentType: string;
  public readonly lastModified: Date | undefined;
  private hashed: string | undefined;
  private digest: string | undefined;
  private readonly mayPack: boolean;
  private packing: Promise<Buffer> | undefined;
  private packed: Buffer | undefined;

  constructor({ body, contentType, lastModified, etag, compressible = true }: IRendered) {
    this.hashed = etag;
    this.mayPack = compressible;
    this.bytes =
      body instanceof Uint8Array
        ? Buffer.from(body.buffer, body.byteOffset, body.byteLength)
        : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
    this.contentType = contentType;
    this.lastModified = lastModified;
  }

  public get etag(): string {
    this.hashed ??= Buffer.from(this.sha256, 'hex').toString('base64url').slice(0, 27);
    return this.hashed;
  }

  /** of the bytes, in hex */
  public get sha256(): string {
    this.digest ??= plugins.crypto.createHash('sha256').update(this.bytes).digest('hex');
    return this.digest;
  }

  public get compressible(): boolean {
    return this.mayPack && this.bytes.byteLength >= GZIP_FROM;
  }

  /** The gzip form where it is there already. */
  public get gzip(): Buffer | undefined {
    return this.packed;
  }

  public async gzipped(): Promise<Buffer> {
    this.packing ??= gzip(this.bytes);
    this.packed ??= await this.packing;
    return this.packed;
  }

  /** the gzip form is counted before it is made: packed metadata is a fraction of the whole */
  public get cost(): number {
    return this.bytes.byteLength + (this.bytes.byteLength >> 2) + 1024;
  }
}

/**
 * Rendered metadata, bounded by bytes. An entry is named by the stored document's ETag among others, so it never has
 * to be invalidated: another replica's write changes the name.
 */
export class RenderCache {
  private readonly entries: plugins.LRUCache<string, Rendering>;
  private readonly underWay = new Map<string, Promise<Rendering | null>>();

  constructor(maxBytes: number) {
    this.entries = new plugins.LRUCache<string, Rendering>({
      maxSize: Math.max(1, maxBytes),
      // names hold what callers choose, a range or a host, and may be longer than what is rendered
      sizeCalculation: (rendering, name) => rendering.cost + 2 * name.length,
    });
  }

  /** The rendering under this name, where it is there. */
  public peek(name: string): Rendering | undefined {
    return this.entries.get(name);
  }

  /**
   * The rendering under this name; made by `make` once, however many callers wait for it. `make` calls `keepAs` with
   * another name if it has read another version than the one that was asked for. Under the older name the rendering
   * would be returned when a later write brings the older content, and so its ETag, back.
   */
  public async get(
    name: string,
    make: (keepAs: (name: string) => void) => Promise<Rendering | null>,
  ): Promise<Rendering | null> {
    const hit = this.entries.get(name);
    if (hit) return hit;
    let making = this.underWay.get(name);
    if (!making) {
      let kept = name;
      const keepAs = (other: string) => {
        kept = other;
      };
      making = make(keepAs)
        .then((rendering) => {
          if (rendering) this.entries.set(kept, rendering);
          return rendering;
        })
        .finally(() => this.underWay.delete(name));
      this.underWay.set(name, making);
    }
    return making;
  }
}
