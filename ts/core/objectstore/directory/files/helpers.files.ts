import * as fs from 'node:fs';
import { missingPermission } from '../../../base/helpers.permissions.js';
import { RegistryError } from '../../../classes.registryerror.js';
import { Pace } from './classes.pace.js';

/** Errors of the file system, as opposed to those of a caller's own stream, which pass through untouched. */
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

/** What a call that does not wait throws, as `promise` does it. */
const tracked = <T>(call: () => T): T => {
  try {
    return call();
  } catch (error) {
    failures.add(error as Error);
    throw error;
  }
};

/** bytes: what goes into the kernel's memory in a moment */
const LITTLE = 128 * 1024;
const paces = { create: new Pace(), look: new Pace(), name: new Pace(), write: new Pace() };

/** Makes a small call at once or by way of the thread pool, as its kind has proved to be cheaper. */
const soon = <T>(kind: keyof typeof paces, call: () => T, later: () => Promise<T>): Promise<T> =>
  paces[kind].run(() => tracked(call), later);

/**
 * The calls the directory driver is made of, replaceable one by one in tests. Numeric descriptors, because a
 * `FileHandle` costs about as much as the call itself. Changes of names and small writes only reach the kernel's memory
 * and are made `soon`; whatever may have to be read, and each sync, goes through the thread pool.
 */
export const nodeFiles = {
  open: (path: string, flags: 'r' | 'r+' | 'w' | 'wx', mode?: number): Promise<number> => {
    const later = () => promise<number>((done) => fs.open(path, flags, mode, done));
    return flags.startsWith('w') ? soon('create', () => fs.openSync(path, flags, mode), later) : later();
  },
  /** for reading, what was looked at or changed a moment ago */
  openHot: (path: string): Promise<number> =>
    soon(
      'look',
      () => fs.openSync(path, 'r'),
      () => promise<number>((done) => fs.open(path, 'r', done)),
    ),
  close: (fd: number): Promise<void> => promise((done) => fs.close(fd, done as fs.NoParamCallback)),
  /**
   * The same without a detour through the thread pool, which costs twenty times as much as the call: for small files
   * and directories. To close a large one may mean to free all its blocks.
   */
  release: (fd: number): void => tracked(() => fs.closeSync(fd)),
  fsync: (fd: number): Promise<void> => promise((done) => fs.fsync(fd, done as fs.NoParamCallback)),
  fdatasync: (fd: number): Promise<void> => promise((done) => fs.fdatasync(fd, done as fs.NoParamCallback)),
  fstat: (fd: number): Promise<fs.Stats> => promise<fs.Stats>((done) => fs.fstat(fd, done)),
  stat: (path: string): Promise<fs.Stats> => promise<fs.Stats>((done) => fs.stat(path, done)),
  readdir: (path: string): Promise<string[]> => promise<string[]>((done) => fs.readdir(path, done)),
  /**
   * The two above without the detour through the thread pool, for what was looked at a moment ago and is in the kernel's
   * memory, most likely: a disk that has to be waited for holds up everybody. So `looksAtOnce` is asked before.
   */
  statHot: (path: string): fs.Stats => paces.look.time(() => tracked(() => fs.statSync(path))),
  readdirHot: (path: string): string[] => paces.look.time(() => tracked(() => fs.readdirSync(path))),
  /** Have such looks been quick of late? */
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
    // to free a file takes its time, to take away one of several names does not
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
  /** fills the buffer as far as the file reaches; returns the number of bytes */
  read: async (fd: number, buffer: Buffer, position: number): Promise<number> => {
    let filled = 0;
    while (filled < buffer.byteLength) {
      const count = await read(fd, filled ? buffer.subarray(filled) : buffer, position + filled);
      if (count === 0) break;
      filled += count;
    }
    return filled;
  },
  /** all of the chunks, one behind the other */
  writev: async (fd: number, chunks: Uint8Array[], position: number): Promise<void> => {
    const total = chunks.reduce((sum, { byteLength }) => sum + byteLength, 0);
    if ((await writev(fd, chunks, position)) === total) return;
    // the rare short write: begin again, one by one
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

/** The code of a file system error that is one of `codes`. */
export const hasCode = (error: unknown, ...codes: string[]): boolean =>
  error instanceof Error && codes.includes((error as NodeJS.ErrnoException).code ?? '');

/** undefined where the call failed with one of the codes; every other failure is thrown. */
export const tolerate = async <T>(call: Promise<T>, ...codes: string[]): Promise<T | undefined> => {
  try {
    return await call;
  } catch (error) {
    if (!hasCode(error, ...codes)) throw error;
    return undefined;
  }
};

/** Runs `work`, and turns an error of the file system into the one that the interface promises. */
export const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    throw storeError(error);
  }
};

/** Did a call to the file system throw it? */
export const isFileError = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && failures.has(error);

export const storeError = (error: unknown): unknown => {
  if (!isFileError(error)) return error;
  if (hasCode(error, 'ENAMETOOLONG')) return new RegistryError('invalid', 'The object key is too long for this store');
  const { code = 'unknown error' } = error as NodeJS.ErrnoException;
  const reason = missingPermission(error, 'directory') ?? code;
  return new RegistryError('unavailable', `The storage directory cannot be used (${reason})`, { cause: error });
};
