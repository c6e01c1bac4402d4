import { LRUCache } from '../../../../plugins.js';
import { RegistryError } from '../../../classes.registryerror.js';
import { hasCode, type IFiles, tolerate } from '../files/helpers.files.js';
import { bodyOffset, type IHeader, parseHeader, RESERVED, SLOTS } from '../files/helpers.header.js';

/** more than any header */
const HEADER_READ = 16 * 1024;
/** more than most headers; a page of the file system's cache is copied as fast as a line of it */
const MIN_READ = 4 * 1024;
/** bytes, roughly, of headers that are remembered */
const CACHE_BYTES = 8 * 1024 * 1024;
/** ms for which the kernel will not forget what it was asked for */
const HOT_MS = 1000;
/** keys of which it is remembered when nothing was there, about 300 bytes each */
const ABSENT = 5000;
const NEVER = Number.NEGATIVE_INFINITY;

/** A version of an object as it lies in a file. */
export interface IVersion {
  /** changes whenever the file is another one */
  id: string;
  header: IHeader;
  /** where the body begins */
  offset: number;
  /** the file was written for another key, which has the first header; this is the second one */
  adopted?: true;
  /** when it was last found to be the current one; ms, monotonic */
  foundAt?: number;
}

export interface IOpened {
  file: string;
  fd: number;
  version: IVersion;
  /** the beginning of the file */
  first: Buffer;
}

/** Opens files, and remembers their headers so that an unchanged object need not be opened to be described. */
export class VersionReader {
  private readonly known = new LRUCache<string, IVersion>({
    maxSize: CACHE_BYTES,
    sizeCalculation: ({ header }, key) =>
      500 + key.length + (header.past?.length ?? 0) + (header.meta ? JSON.stringify(header.meta).length : 0),
  });

  /** when nothing was found at a key; ms, monotonic */
  private readonly absentAt = new LRUCache<string, number>({ max: ABSENT });

  constructor(private readonly files: IFiles) {}

  public recall(key: string, id: string): IVersion | undefined {
    const version = this.known.get(key);
    if (version?.id !== id) return undefined;
    version.foundAt = performance.now();
    return version;
  }

  /** Was it looked at a moment ago, so that another look need not go through the thread pool? */
  public isHot(key: string): boolean {
    const lookedAt = Math.max(this.known.peek(key)?.foundAt ?? NEVER, this.absentAt.peek(key) ?? NEVER);
    return performance.now() - lookedAt < HOT_MS && this.files.looksAtOnce();
  }

  /** Nothing was there just now: the kernel remembers that as well. */
  public noteAbsent(key: string): void {
    this.absentAt.set(key, performance.now());
  }

  /** Was the object a file of its own when it was last seen? */
  public wasPlain(key: string): boolean {
    return this.known.get(key)?.id.startsWith(PLAIN) ?? false;
  }

  public remember(key: string, version: IVersion): void {
    this.known.set(key, version);
  }

  /** The version in `file`; null where the file is gone, or became a directory. */
  public async read(key: string, file: string, id?: string): Promise<IVersion | null> {
    const opened = await this.open(key, file, id, HEADER_READ);
    if (!opened) return null;
    try {
      // a plain file has no name of its own, so what is remembered of it needs its inode and times
      if (id === undefined) opened.version.id = plainId(await this.files.fstat(opened.fd));
      this.remember(key, opened.version);
      return opened.version;
    } finally {
      this.files.release(opened.fd);
    }
  }

  /** The same with the file left open for the caller to close, and its first bytes. `id`: undefined for a plain file. */
  public async open(key: string, file: string, id: string | undefined, bytes: number): Promise<IOpened | null> {
    const fd = await tolerate(this.files.open(file, 'r'), 'ENOENT', 'ENOTDIR', 'EISDIR');
    if (fd === undefined) return null;
    try {
      const known = this.known.get(key);
      // most objects are as long as they were when they were last seen
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
    if (!header) {
      throw new RegistryError('unavailable', 'A stored object is damaged', {
        cause: new Error(`${file} has no header of ${key}`),
      });
    }
    return { id, header, offset, adopted };
  }
}

/** begins the id of a plain file; a generation is known by its name, which is never used twice for other bytes */
const PLAIN = '/';

export const plainId = (stat: { ino: number; size: number; mtimeMs: number; ctimeMs: number }): string =>
  `${PLAIN}${stat.ino}/${stat.size}/${stat.mtimeMs}/${stat.ctimeMs}`;
