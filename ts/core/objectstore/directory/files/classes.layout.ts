import type { Stats } from 'node:fs';
import { path } from '../../../../plugins.js';
import { cacheOf } from '../../../base/helpers.caches.js';
import { RegistryError } from '../../../classes.registryerror.js';
import { hasCode, type IFiles, isFileError, tolerate } from './helpers.files.js';
import { relativePath } from './helpers.names.js';
import { OBJECTS } from './helpers.presence.js';
import { randomName } from './helpers.random.js';

/** only the owner has access: the store holds secrets and password hashes */
const PRIVATE = 0o700;
/** prefix of a name in `objects/` that no key is encoded as (helpers.names.ts) */
const PROBE = '#probe-';
/** errors of `link` on file systems without hard links */
const NO_LINKS = ['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL', 'EMLINK'];

const unfit = (directory: string, why: string, cause?: unknown): RegistryError =>
  new RegistryError(
    'unavailable',
    `The file system of ${directory} ${why}: every write needs a local one with hard links (ext4, XFS, Btrfs, ZFS, APFS, NTFS)`,
    { cause },
  );

/** The places of files below the storage directory, and the making and syncing of directories. */
export class DirectoryLayout {
  /** published objects */
  public readonly objects: string;
  /** files that are being written; on the same file system, because they are published by link and rename */
  public readonly tmp: string;

  private readonly root: string;
  /** mode of the storage directory */
  private mode = PRIVATE;
  private readonly paths = cacheOf<string, string>(2000);
  private readonly syncs = new Map<string, { now: Promise<void>; next?: Promise<void> }>();
  /** directories that this process made and whose names are not durable yet; null: the last sync has failed */
  private readonly unnamed = new Map<string, Promise<void> | null>();

  constructor(
    root: string,
    public readonly files: IFiles,
  ) {
    this.root = path.resolve(root);
    this.objects = path.resolve(root, OBJECTS);
    this.tmp = path.resolve(root, 'tmp');
  }

  public pathOf(key: string): string {
    let found = this.paths.get(key);
    if (found === undefined) {
      found = `${this.objects}/${relativePath(key)}`;
      this.paths.set(key, found);
    }
    return found;
  }

  public temporary(name: string = randomName(12, 'hex')): string {
    return `${this.tmp}/${name}`;
  }

  /** Writes a small file from its beginning; fsynced unless it is `temporary`. */
  public async write(file: string, bytes: Uint8Array, flags: 'w' | 'wx', temporary: boolean): Promise<void> {
    const { files } = this;
    const fd = await files.open(file, flags, this.fileMode);
    try {
      await files.write(fd, bytes, 0);
      if (!temporary) await files.fsync(fd);
    } finally {
      files.release(fd);
    }
  }

  /** The mode of the storage directory if users other than its owner may read it; else `undefined`. */
  public async prepare(): Promise<number | undefined> {
    // Windows has no modes
    const found = process.platform === 'win32' ? undefined : await tolerate(this.files.stat(this.root), 'ENOENT');
    this.mode = found ? found.mode & 0o777 : PRIVATE;
    await this.makeDirectory(this.objects, path.parse(this.objects).root);
    await Promise.all([...this.unnamed.keys()].map((directory) => this.named(directory)));
    await tolerate(this.files.mkdir(this.tmp, this.directoryMode), 'EEXIST');
    await this.probe();
    return this.mode & 0o077 ? this.mode : undefined;
  }

  /** Files and directories are as private as the storage directory; the umask may restrict them further. */
  public get fileMode(): number {
    return (this.mode & 0o666) | 0o600;
  }

  public get directoryMode(): number {
    return this.mode | PRIVATE;
  }

  /** Removes what dead writers left in `tmp/`, and what a probe left in `objects/`. */
  public async clean(olderThanMs: number): Promise<number> {
    const probes = (await this.files.readdir(this.objects)).filter((name) => name.startsWith(PROBE));
    const left = [
      ...(await this.files.readdir(this.tmp)).map((name) => this.temporary(name)),
      ...probes.map((name) => `${this.objects}/${name}`),
    ];
    const before = Date.now() - olderThanMs;
    let count = 0;
    for (const file of left) {
      const stat = await tolerate(this.files.stat(file), 'ENOENT');
      // the change time counts, because a new link to an old file is not stale
      if (!stat || stat.ctimeMs > before) continue;
      await this.files.remove(file);
      count++;
    }
    return count;
  }

  /** Throws an error that names what is missing if the file system cannot give a file of `tmp/` a second name. */
  private async probe(): Promise<void> {
    const { files } = this;
    const file = this.temporary();
    const name = `${this.objects}/${PROBE}${randomName(12, 'hex')}`;
    await this.write(file, new Uint8Array(), 'wx', true);
    try {
      await files.link(file, name);
      const taken = await tolerate(files.link(file, name), 'EEXIST').then(() => files.stat(file));
      if (taken.nlink !== 2) throw unfit(this.objects, 'counts no hard links');
    } catch (error) {
      if (hasCode(error, 'EXDEV')) throw unfit(this.objects, 'is not the one of tmp/ beside it', error);
      if (hasCode(error, ...NO_LINKS)) throw unfit(this.objects, 'has no hard links', error);
      throw error;
    } finally {
      await tolerate(files.unlink(name), 'ENOENT');
      await files.unlink(file);
    }
  }

  /** Throws if the whole store is gone (e.g. its volume is not mounted): then no key may read as absent. */
  public async attached(): Promise<void> {
    // every path to an object leads through it, so the kernel has it in memory
    if (await tolerate(this.statObjects(), 'ENOENT', 'ENOTDIR')) return;
    throw new RegistryError('unavailable', 'The storage directory is not there', {
      cause: new Error(`${this.objects} is missing: not initialised, or its volume is not mounted`),
    });
  }

  /**
   * Runs `act`, which creates `target`, and makes the directories that it needs. Another process may remove them while
   * they are empty, so this tries again.
   */
  public async place(target: string, act: () => Promise<void>): Promise<void> {
    for (let tries = 0; ; tries++) {
      try {
        return await act();
      } catch (error) {
        if (!hasCode(error, 'ENOENT') || tries > 100) throw error;
        await this.attached();
        // the parent may vanish while its child is made: the next try makes it again
        await tolerate(this.makeDirectory(path.dirname(target), this.objects), 'ENOENT');
      }
    }
  }

  /**
   * Removes directories above `file` that became empty, as far as possible: a directory that stays is no object. A
   * writer that has just used such a directory makes it anew.
   */
  public async tidy(file: string): Promise<void> {
    for (let at = path.dirname(file); at.length > this.objects.length; at = path.dirname(at)) {
      try {
        await this.files.rmdir(at);
      } catch (error) {
        if (!isFileError(error)) throw error;
        if (!hasCode(error, 'ENOENT')) return;
      }
    }
  }

  /**
   * Makes changes of names in a directory durable; if the directory is gone, those in its nearest ancestor. It also
   * syncs the names of new directories above, whoever made them: until then nothing in them is durable.
   */
  public async sync(directory: string): Promise<void> {
    const pending = [this.syncOnly(directory)];
    if (this.unnamed.size > 0) {
      for (let at = directory; at.length > this.objects.length; at = path.dirname(at)) {
        if (this.unnamed.has(at)) pending.push(this.named(at));
      }
    }
    await Promise.all(pending);
  }

  public syncParent(file: string): Promise<void> {
    return this.sync(path.dirname(file));
  }

  /**
   * Callers that come while a sync of the directory is under way share the next one, never the running one, which may
   * have begun before their change.
   */
  private syncOnly(directory: string): Promise<void> {
    const running = this.syncs.get(directory);
    if (!running) return this.startSync(directory);
    running.next ??= running.now.catch(() => {}).then(() => this.startSync(directory));
    return running.next;
  }

  private async statObjects(): Promise<Stats> {
    return this.files.looksAtOnce() ? this.files.statHot(this.objects) : this.files.stat(this.objects);
  }

  private startSync(directory: string): Promise<void> {
    const running: { now: Promise<void>; next?: Promise<void> } = { now: this.syncNow(directory) };
    this.syncs.set(directory, running);
    const ended = () => {
      if (!running.next) this.syncs.delete(directory);
    };
    running.now.then(ended, ended);
    return running.now;
  }

  private async syncNow(directory: string): Promise<void> {
    for (let at = directory; ; at = path.dirname(at)) {
      const fd = await tolerate(this.files.openHot(at), 'ENOENT');
      if (fd === undefined) continue;
      try {
        return await this.files.fsync(fd);
      } finally {
        this.files.release(fd);
      }
    }
  }

  private async makeDirectory(directory: string, top: string): Promise<void> {
    if (directory === top) return;
    try {
      await this.files.mkdir(directory, this.directoryMode);
    } catch (error) {
      if (hasCode(error, 'EEXIST')) return;
      if (!hasCode(error, 'ENOENT')) throw error;
      await this.makeDirectory(path.dirname(directory), top);
      await tolerate(this.files.mkdir(directory, this.directoryMode), 'EEXIST');
    }
    void this.name(directory);
  }

  /** Begins to make the name of a new directory durable. A `sync` of its content waits for that. */
  private name(directory: string): Promise<void> {
    const naming = this.syncOnly(path.dirname(directory));
    this.unnamed.set(directory, naming);
    const ended = () => {
      if (this.unnamed.get(directory) === naming) this.unnamed.delete(directory);
    };
    // after an error the entry stays until a writer that depends on it has got the error
    naming.then(ended, () => {});
    return naming;
  }

  private async named(directory: string): Promise<void> {
    const naming = this.unnamed.get(directory) ?? this.name(directory);
    try {
      await naming;
    } catch (error) {
      if (this.unnamed.get(directory) === naming) this.unnamed.set(directory, null);
      throw error;
    }
  }
}
