import { LRUCache } from '../../plugins.js';
import { RegistryError } from '../classes.registryerror.js';
import { hasCode, type IFiles, tolerate } from './directory.files.js';
import { bodyOffset, type IHeader, parseHeader, RESERVED, SLOTS } from './directory.header.js';

/** what is read of a file that is not known yet: more than any header, and all of a small object */
const FIRST_READ = 16 * 1024;
/** bytes, roughly, of headers that are remembered */
const CACHE_BYTES = 8 * 1024 * 1024;

/** A version of an object as it lies in a file. */
export interface IVersion {
  /** changes whenever the file is another one */
  id: string;
  header: IHeader;
  /** where the body begins */
  offset: number;
}

export interface IOpened {
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

  constructor(private readonly files: IFiles) {}

  public recall(key: string, id: string): IVersion | undefined {
    const version = this.known.get(key);
    return version?.id === id ? version : undefined;
  }

  /** Was the object a file of its own when it was last seen? */
  public wasPlain(key: string): boolean {
    const version = this.known.get(key);
    return version !== undefined && isPlainId(version.id);
  }

  public remember(key: string, version: IVersion): void {
    this.known.set(key, version);
  }

  /** The version in `file`; null where the file is gone, or became a directory. */
  public async read(key: string, file: string, id?: string): Promise<IVersion | null> {
    const opened = await this.open(key, file, id);
    if (!opened) return null;
    await this.files.close(opened.fd);
    return opened.version;
  }

  /**
   * The same with the file left open, for the caller to close. `id` is undefined for a file that is replaced in
   * place, which is then told apart by its inode and times.
   */
  public async open(key: string, file: string, id?: string, wanted = FIRST_READ): Promise<IOpened | null> {
    const fd = await tolerate(this.files.open(file, 'r'), 'ENOENT', 'ENOTDIR', 'EISDIR');
    if (fd === undefined) return null;
    try {
      const known = id === undefined ? undefined : this.recall(key, id);
      const first = Buffer.allocUnsafe(known ? Math.min(wanted, known.offset + known.header.size) : FIRST_READ);
      const length = await this.files.read(fd, first, 0);
      const version = known ?? (await this.interpret(key, file, fd, first.subarray(0, length), id));
      return { fd, version, first: first.subarray(0, length) };
    } catch (error) {
      await this.files.close(fd);
      if (hasCode(error, 'EISDIR')) return null;
      throw error;
    }
  }

  private async interpret(key: string, file: string, fd: number, first: Buffer, id?: string): Promise<IVersion> {
    const offset = bodyOffset(first, key);
    let header = parseHeader(first.subarray(SLOTS[0]), key);
    if (header === null && offset === RESERVED) {
      const second = Buffer.alloc(RESERVED - SLOTS[1]);
      await this.files.read(fd, second, SLOTS[1]);
      header = parseHeader(second, key);
    }
    if (!header) {
      throw new RegistryError('unavailable', 'A stored object is damaged', {
        cause: new Error(`${file} has no header of ${key}`),
      });
    }
    const version = { id: id ?? plainId(await this.files.fstat(fd)), header, offset };
    this.remember(key, version);
    return version;
  }
}

/** Generations have unique names; a plain file is known by its inode and times. */
export const plainId = (stat: { ino: number; size: number; mtimeMs: number; ctimeMs: number }): string =>
  `/${stat.ino}/${stat.size}/${stat.mtimeMs}/${stat.ctimeMs}`;

const isPlainId = (id: string): boolean => id.startsWith('/');
