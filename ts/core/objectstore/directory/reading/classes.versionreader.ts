import { LRUCache } from '../../../../plugins.js';
import { cacheOf } from '../../../base/helpers.caches.js';
import { hasCode, type IFiles, tolerate } from '../files/helpers.files.js';
import { bodyOffset, damaged, type IHeader, parseHeader, RESERVED, SLOTS } from '../files/helpers.header.js';

/** more than any header */
const HEADER_READ = 16 * 1024;
/** more than most headers; copying a page of the file system's cache is as fast as copying a line of it */
const MIN_READ = 4 * 1024;
/** approximate bytes of cached headers */
const CACHE_BYTES = 8 * 1024 * 1024;
/** ms for which the kernel keeps in memory what was just looked up */
const HOT_MS = 1000;
/** cached keys at which nothing was found, about 300 bytes each */
const ABSENT = 5000;
const NEVER = Number.NEGATIVE_INFINITY;

/** A version of an object, as it is stored in a file. */
export interface IVersion {
  /** changes when the file is replaced */
  id: string;
  header: IHeader;
  /** where the body begins in the file */
  offset: number;
  /** the file was written for another key, which has the first header; this is the second header */
  adopted?: true;
  /** ms, monotonic: when it was last found to be current */
  foundAt?: number;
}

export interface IOpened {
  file: string;
  fd: number;
  version: IVersion;
  /** the beginning of the file */
  first: Buffer;
}

/** Opens files and caches their headers, so that an unchanged object need not be opened to be described. */
export class VersionReader {
  private readonly known = new LRUCache<string, IVersion>({
    maxSize: CACHE_BYTES,
    sizeCalculation: ({ header }, key) =>
      500 + key.length + (header.past?.length ?? 0) + (header.meta ? JSON.stringify(header.meta).length : 0),
  });

  /** ms, monotonic: when nothing was found at a key */
  private readonly absentAt = cacheOf<string, number>(ABSENT);

  constructor(private readonly files: IFiles) {}

  public recall(key: string, id: string): IVersion | undefined {
    const version = this.known.get(key);
    if (version?.id !== id) return undefined;
    version.foundAt = performance.now();
    return version;
  }

  /** Whether the key was looked up a moment ago: then another look need not go through the thread pool. */
  public isHot(key: string): boolean {
    const lookedAt = Math.max(this.known.peek(key)?.foundAt ?? NEVER, this.absentAt.peek(key) ?? NEVER);
    return performance.now() - lookedAt < HOT_MS && this.files.looksAtOnce();
  }

  /** Records that nothing was found at the key just now: the kernel caches that as well. */
  public noteAbsent(key: string): void {
    this.absentAt.set(key, performance.now());
  }

  /** Whether the object was a plain file when it was last seen. */
  public wasPlain(key: string): boolean {
    return this.known.get(key)?.id.startsWith(PLAIN) ?? false;
  }

  public remember(key: string, version: IVersion): void {
    this.known.set(key, version);
  }

  /** The version in `file`; null if the file is gone or has become a directory. */
  public async read(key: string, file: string, id?: string): Promise<IVersion | null> {
    const opened = await this.open(key, file, id, HEADER_READ);
    if (!opened) return null;
    try {
      // a plain file has no unique name, so its inode and times identify it
      if (id === undefined) opened.version.id = plainId(await this.files.fstat(opened.fd));
      this.remember(key, opened.version);
      return opened.version;
    } finally {
      this.files.release(opened.fd);
    }
  }

  /**
   * Like `read`, but returns the file open, for the caller to close, with its first bytes. `id`: undefined for a plain
   * file.
   */
  public async open(key: string, file: string, id: string | undefined, bytes: number): Promise<IOpened | null> {
    const fd = await tolerate(this.files.open(file, 'r'), 'ENOENT', 'ENOTDIR', 'EISDIR');
    if (fd === undefined) return null;
    try {
      const known = this.known.get(key);
      // most objects are as long as they were last time
      const length = known ? Math.min(bytes, known.offset + known.header.size) : bytes;
      const buffer = Buffer.allocUnsafe(Math.max(length, MIN_READ));
      const first = buffer.subarray(0, await this.files.read(fd, buffer, 0));
      const version = await this.interpret(key, file, fd, first, id ?? PLAIN);
      const same = known?.header.etag === version.header.etag && known.id === (id ?? known.id);
      if (!same) this.remember(key, version);
      return { file, fd, version, first };
    } catch (error) {
      this.files.release(fd);
      if (hasCode(error, 'EISDIR')) return null;
      throw error;
    }
  }

  private async interpret(key: string, file: string, fd: number, first: Buffer, id: string): Promise<IVersion> {
    const offset = bodyOffset(first, key);
    let header = parseHeader(first.subarray(SLOTS[0]), key);
    if (header === undefined) {
      const longer = Buffer.alloc(HEADER_READ);
      await this.files.read(fd, longer, 0);
      header = parseHeader(longer.subarray(SLOTS[0]), key);
    }
    let adopted: true | undefined;
    if (header === null && offset === RESERVED) {
      adopted = true;
      const second = Buffer.alloc(RESERVED - SLOTS[1]);
      await this.files.read(fd, second, SLOTS[1]);
      header = parseHeader(second, key);
    }
    if (!header) throw damaged(key, `${file} has no header of this key`);
    return { id, header, offset, adopted };
  }
}

/** prefix of the id of a plain file; the id of a generation is its name, which is never reused for other bytes */
const PLAIN = '/';

export const plainId = (stat: { ino: number; size: number; mtimeMs: number; ctimeMs: number }): string =>
  `${PLAIN}${stat.ino}/${stat.size}/${stat.mtimeMs}/${stat.ctimeMs}`;
