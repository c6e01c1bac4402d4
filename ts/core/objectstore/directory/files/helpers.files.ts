import * as fs from 'node:fs';
import { missingPermission } from '../../../base/helpers.permissions.js';
import { RegistryError } from '../../../classes.registryerror.js';
import { Pace } from './classes.pace.js';

/** Errors of the file system. Errors of a caller's own stream are not among them and pass through unchanged. */
const failures = new WeakSet<object>();

type TDone<T> = (error: NodeJS.ErrnoException | null, value: T) => void;

const promise = <T = void>(run: (done: TDone<T>) => void): Promise<T> =>
  new Promise<T>((resolve, reject) => {
    run((error, value) => {
      if (!error) return resolve(value);
      failures.add(error);
      reject(error);
    });
  });

const read = (fd: number, buffer: Buffer, position: number): Promise<number> =>
  promise<number>((done) => fs.read(fd, buffer, 0, buffer.byteLength, position, done));

const write = (fd: number, bytes: Uint8Array, position: number): Promise<number> =>
  promise<number>((done) => fs.write(fd, bytes, 0, bytes.byteLength, position, done));

const writev = (fd: number, chunks: Uint8Array[], position: number): Promise<number> =>
  promise<number>((done) => fs.writev(fd, chunks, position, done));

/** Marks what a synchronous call throws, as `promise` does for asynchronous ones. */
const tracked = <T>(call: () => T): T => {
  try {
    return call();
  } catch (error) {
    failures.add(error as Error);
    throw error;
  }
};

/** bytes that the kernel copies into its memory at once */
const LITTLE = 128 * 1024;
const paces = { create: new Pace(), look: new Pace(), name: new Pace(), write: new Pace() };

/** Makes a small call synchronously or through the thread pool, whichever has been cheaper for its kind. */
const soon = <T>(kind: keyof typeof paces, call: () => T, later: () => Promise<T>): Promise<T> =>
  paces[kind].run(() => tracked(call), later);

/**
 * The file system calls of the directory driver; tests replace single ones. They use numeric descriptors, because a
 * `FileHandle` costs about as much as the call itself. Changes of names and small writes reach only the kernel's memory
 * and are made by `soon`. Calls that may read from the disk, and syncs, go through the thread pool.
 */
export const nodeFiles = {
  open: (path: string, flags: 'r' | 'r+' | 'w' | 'wx', mode?: number): Promise<number> => {
    const later = () => promise<number>((done) => fs.open(path, flags, mode, done));
    return flags.startsWith('w') ? soon('create', () => fs.openSync(path, flags, mode), later) : later();
  },
  /** opens a file for reading that was looked at or changed a moment ago */
  openHot: (path: string): Promise<number> =>
    soon(
      'look',
      () => fs.openSync(path, 'r'),
      () => promise<number>((done) => fs.open(path, 'r', done)),
    ),
  close: (fd: number): Promise<void> => promise((done) => fs.close(fd, done as fs.NoParamCallback)),
  /**
   * Closes synchronously, because the thread pool costs twenty times as much as the call. For small files and
   * directories only: closing a large file may free all its blocks.
   */
  release: (fd: number): void => tracked(() => fs.closeSync(fd)),
  fsync: (fd: number): Promise<void> => promise((done) => fs.fsync(fd, done as fs.NoParamCallback)),
  fdatasync: (fd: number): Promise<void> => promise((done) => fs.fdatasync(fd, done as fs.NoParamCallback)),
  fstat: (fd: number): Promise<fs.Stats> => promise<fs.Stats>((done) => fs.fstat(fd, done)),
  stat: (path: string): Promise<fs.Stats> => promise<fs.Stats>((done) => fs.stat(path, done)),
  readdir: (path: string): Promise<string[]> => promise<string[]>((done) => fs.readdir(path, done)),
  /** at most `most` of the names, whichever come first, without reading the others */
  readdirSome: async (path: string, most: number): Promise<string[]> => {
    try {
      const names: string[] = [];
      const directory = await fs.promises.opendir(path, { bufferSize: most });
      try {
        for (let entry = await directory.read(); entry; entry = await directory.read()) {
          if (names.push(entry.name) >= most) break;
        }
      } finally {
        await directory.close();
      }
      return names;
    } catch (error) {
      failures.add(error as Error);
      throw error;
    }
  },
  /**
   * The two calls above, made synchronously for what was looked at a moment ago and so is most likely in the kernel's
   * memory. Waiting for a disk would block everybody, so check `looksAtOnce` before.
   */
  statHot: (path: string): fs.Stats => paces.look.time(() => tracked(() => fs.statSync(path))),
  readdirHot: (path: string): string[] => paces.look.time(() => tracked(() => fs.readdirSync(path))),
  /** Whether such synchronous looks have been fast lately. */
  looksAtOnce: (): boolean => paces.look.isQuick,
  link: (from: string, to: string): Promise<void> =>
    soon(
      'name',
      () => fs.linkSync(from, to),
      () => promise((done) => fs.link(from, to, done as fs.NoParamCallback)),
    ),
  rename: (from: string, to: string): Promise<void> =>
    soon(
      'name',
      () => fs.renameSync(from, to),
      () => promise((done) => fs.rename(from, to, done as fs.NoParamCallback)),
    ),
  unlink: async (path: string): Promise<void> => {
    // freeing a file takes long, removing one of several names does not
    const isFreed = () => {
      const { nlink } = fs.lstatSync(path);
      if (nlink > 1) fs.unlinkSync(path);
      return nlink <= 1;
    };
    if (await soon('name', isFreed, () => Promise.resolve(true))) {
      await promise((done) => fs.unlink(path, done as fs.NoParamCallback));
    }
  },
  mkdir: (path: string, mode?: number): Promise<void> =>
    soon(
      'create',
      () => fs.mkdirSync(path, mode),
      () => promise((done) => fs.mkdir(path, mode, done as fs.NoParamCallback)),
    ),
  rmdir: (path: string): Promise<void> =>
    soon(
      'name',
      () => fs.rmdirSync(path),
      () => promise((done) => fs.rmdir(path, done as fs.NoParamCallback)),
    ),
  remove: (path: string): Promise<void> =>
    promise((done) => fs.rm(path, { recursive: true, force: true }, done as fs.NoParamCallback)),
  /** Fills the buffer as far as the file reaches. Returns the number of bytes. */
  read: async (fd: number, buffer: Buffer, position: number): Promise<number> => {
    let filled = 0;
    while (filled < buffer.byteLength) {
      const count = await read(fd, filled ? buffer.subarray(filled) : buffer, position + filled);
      if (count === 0) break;
      filled += count;
    }
    return filled;
  },
  /** Writes all chunks, one after another. */
  writev: async (fd: number, chunks: Uint8Array[], position: number): Promise<void> => {
    const total = chunks.reduce((sum, { byteLength }) => sum + byteLength, 0);
    if ((await writev(fd, chunks, position)) === total) return;
    // after a short write, which is rare, the chunks are written again one by one
    for (let [at, i] = [position, 0]; i < chunks.length; at += chunks[i]!.byteLength, i++) {
      await nodeFiles.write(fd, chunks[i]!, at);
    }
  },
  write: async (fd: number, bytes: Uint8Array, position: number): Promise<void> => {
    let written = 0;
    if (bytes.byteLength <= LITTLE) {
      written = await soon(
        'write',
        () => fs.writeSync(fd, bytes, 0, bytes.byteLength, position),
        () => write(fd, bytes, position),
      );
    }
    while (written < bytes.byteLength) {
      written += await write(fd, written ? bytes.subarray(written) : bytes, position + written);
    }
  },
};

export type IFiles = typeof nodeFiles;

/** Whether the error is a file system error with one of `codes`. */
export const hasCode = (error: unknown, ...codes: string[]): boolean =>
  error instanceof Error && codes.includes((error as NodeJS.ErrnoException).code ?? '');

/** Returns undefined if the call failed with one of the codes; throws every other failure. */
export const tolerate = async <T>(call: Promise<T>, ...codes: string[]): Promise<T | undefined> => {
  try {
    return await call;
  } catch (error) {
    if (!hasCode(error, ...codes)) throw error;
    return undefined;
  }
};

/** Runs `work`, and turns file system errors into the errors that `IObjectStore` promises. */
export const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    throw storeError(error);
  }
};

/** Whether a file system call threw this error. */
export const isFileError = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && failures.has(error);

export const storeError = (error: unknown): unknown => {
  if (!isFileError(error)) return error;
  if (hasCode(error, 'ENAMETOOLONG')) return new RegistryError('invalid', 'The object key is too long for this store');
  const { code = 'unknown error' } = error as NodeJS.ErrnoException;
  const reason = missingPermission(error, 'directory') ?? code;
  return new RegistryError('unavailable', `The storage directory cannot be used (${reason})`, { cause: error });
};
