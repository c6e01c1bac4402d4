import * as plugins from '../../../plugins.js';
import { gzip } from '../../base/helpers.gzip.js';
import { RegistryError } from '../../classes.registryerror.js';

/** For smaller bodies gzip's header and the client's work cost more than it saves. */
const GZIP_FROM = 1024;

/**
 * Placeholder for the public URL while a document is rendered. It is random, so that no document from outside can
 * contain it, and has no character that JSON, HTML or XML would escape.
 */
export const PUBLIC_URL = `http://${plugins.crypto.randomBytes(16).toString('hex')}.invalid`;

/** What a document is rendered to. */
export interface IRendered {
  body: string | Uint8Array | object;
  contentType: string;
  /** when the content last changed, if the document records it; default: when its object was stored */
  lastModified?: Date;
  /**
   * A strong ETag, without quotes, for clients that need one of their own kind (Bundler: md5); not allowed if the body
   * contains the public URL. Default: computed from the body
   */
  etag?: string;
  /** of the body, in hex, if it is known already; not allowed if the body contains the public URL */
  sha256?: string;
  /** headers that depend on the body, e.g. digests of it; not allowed if the body contains the public URL */
  headers?: Readonly<Record<string, string>>;
  /** false: never sent as gzip, for clients that take the ETag for a digest of the decoded body */
  compressible?: boolean;
}

/** The positions of `PUBLIC_URL` in a body. */
const linksIn = (bytes: Buffer): number[] => {
  const links: number[] = [];
  for (let at = bytes.indexOf(PUBLIC_URL); at >= 0; at = bytes.indexOf(PUBLIC_URL, at + PUBLIC_URL.length)) {
    links.push(at);
  }
  return links;
};

/** Replaces `length` bytes at each of these positions by other bytes, and adjusts the positions. */
const relinked = (
  bytes: Buffer,
  links: readonly number[],
  length: number,
  url: Buffer,
): { bytes: Buffer; links: number[] } => {
  const result = Buffer.allocUnsafeSlow(bytes.byteLength + links.length * (url.byteLength - length));
  const moved: number[] = [];
  let from = 0;
  let to = 0;
  for (const link of links) {
    to += bytes.copy(result, to, from, link);
    moved.push(to);
    to += url.copy(result, to);
    from = link + length;
  }
  bytes.copy(result, to, from);
  return { bytes: result, links: moved };
};

interface ILinks {
  url: string;
  places: readonly number[];
}

const bytesOf = (body: IRendered['body']): Buffer =>
  body instanceof Uint8Array
    ? Buffer.from(body.buffer, body.byteOffset, body.byteLength)
    : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));

/**
 * One representation of a document: its bytes, a strong ETag of those bytes, and the gzip form once it was requested.
 */
export class Rendering {
  public readonly contentType: string;
  public readonly lastModified: Date | undefined;
  public readonly headers: Readonly<Record<string, string>> | undefined;
  private hashed: string | undefined;
  private digest: string | undefined;
  private readonly mayPack: boolean;
  private packing: Promise<Buffer> | undefined;
  private packed: Buffer | undefined;

  private constructor(
    public readonly bytes: Buffer,
    { contentType, lastModified, etag, sha256, headers, compressible = true }: Omit<IRendered, 'body'>,
    /** undefined: the bytes are the same for every public URL */
    private readonly links?: ILinks,
  ) {
    this.hashed = etag;
    this.digest = sha256;
    this.mayPack = compressible;
    this.contentType = contentType;
    this.lastModified = lastModified;
    this.headers = headers;
  }

  /** @param publicUrl replaces `PUBLIC_URL` */
  public static of(rendered: IRendered, publicUrl?: string): Rendering {
    const bytes = bytesOf(rendered.body);
    const places = publicUrl === undefined ? [] : linksIn(bytes);
    if (publicUrl === undefined || places.length === 0) return new Rendering(bytes, rendered);
    const { etag, sha256, headers } = rendered;
    if (etag !== undefined || sha256 !== undefined || headers !== undefined) {
      throw new RegistryError('internal', 'A rendering with links cannot have an ETag, a digest or headers of its own');
    }
    return new Rendering(bytes, rendered, { url: PUBLIC_URL, places }).linkedTo(publicUrl);
  }

  /** The public URL of its links; undefined: it has no links. */
  public get publicUrl(): string | undefined {
    return this.links?.url;
  }

  /** The same content for callers that reach the registry under another URL. */
  public linkedTo(publicUrl: string): Rendering {
    const { links, contentType, lastModified, mayPack: compressible } = this;
    if (!links || links.url === publicUrl) return this;
    const { bytes, links: places } = relinked(this.bytes, links.places, links.url.length, Buffer.from(publicUrl));
    return new Rendering(bytes, { contentType, lastModified, compressible }, { url: publicUrl, places });
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

  /** The gzip form, if it exists already. */
  public get gzip(): Buffer | undefined {
    return this.packed;
  }

  /** The bytes as gzip, made once. */
  public async gzipped(): Promise<Buffer> {
    this.packing ??= gzip(this.bytes);
    this.packed ??= await this.packing;
    return this.packed;
  }

  /** the gzip form is counted in advance: compressed metadata are a fraction of the whole */
  public get cost(): number {
    const { bytes, links } = this;
    return bytes.byteLength + (bytes.byteLength >> 2) + 8 * (links?.places.length ?? 0) + 1024;
  }
}
