import { promisify } from 'node:util';
import * as plugins from '../../plugins.js';

const gzip = promisify(plugins.zlib.gzip);

/** Smaller bodies gain less from gzip than its header and the client's work cost. */
const GZIP_FROM = 1024;

export interface IRendered {
  body: string | Uint8Array | object;
  contentType: string;
  lastModified?: Date;
  /** if it is known already; default: made from the bytes */
  etag?: string;
}

/** One representation of a document: its bytes, a strong ETag of those bytes, and the gzip form once somebody asked. */
export class Rendering {
  public readonly bytes: Buffer;
  public readonly contentType: string;
  public readonly lastModified: Date | undefined;
  private hashed: string | undefined;
  private packing: Promise<Buffer> | undefined;
  private packed: Buffer | undefined;

  constructor({ body, contentType, lastModified, etag }: IRendered) {
    this.hashed = etag;
    this.bytes =
      body instanceof Uint8Array
        ? Buffer.from(body.buffer, body.byteOffset, body.byteLength)
        : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
    this.contentType = contentType;
    this.lastModified = lastModified;
  }

  public get etag(): string {
    this.hashed ??= plugins.crypto.createHash('sha256').update(this.bytes).digest('base64url').slice(0, 27);
    return this.hashed;
  }

  public get compressible(): boolean {
    return this.bytes.byteLength >= GZIP_FROM;
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

  /** The rendering under this name; made by `make` once, however many callers wait for it. */
  public async get(name: string, make: () => Promise<Rendering | null>): Promise<Rendering | null> {
    const hit = this.entries.get(name);
    if (hit) return hit;
    let making = this.underWay.get(name);
    if (!making) {
      making = make()
        .then((rendering) => {
          if (rendering) this.entries.set(name, rendering);
          return rendering;
        })
        .finally(() => this.underWay.delete(name));
      this.underWay.set(name, making);
    }
    return making;
  }
}
