import type { Stats } from 'node:fs';
import { LRUCache, path } from '../../../../plugins.js';
import { RegistryError } from '../../../classes.registryerror.js';
import { hasCode, type IFiles, isFileError, tolerate } from './helpers.files.js';
import { relativePath } from './helpers.names.js';
import { OBJECTS } from './helpers.presence.js';
import { randomName } from './helpers.random.js';

/** its owner's alone: the store holds secrets, and hashes of passwords */
const PRIVATE = 0o700;
/** begins a name in `objects/` that no key is written as (helpers.names.ts) */
const PROBE = '#probe-';
/** what file systems without hard links answer, and what those that are not asked in the usual way do */
const NO_LINKS = ['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL', 'EMLINK'];

const unfit = (directory: string, why: string, cause?: unknown): RegistryError =>
  new RegistryError(
    'unavailable',
    `The file system of ${directory} ${why}: every write needs a local one with hard links (ext4, XFS, Btrfs, ZFS, APFS, NTFS)`,
    { cause },
  );

/** Where things are below the storage directory, and the care that directories need. */
export class DirectoryLayout {
  /** what is published */
  public readonly objects: string;
  /** what is being written, on the same file system because it is published by link and rename */
  public readonly tmp: string;

  private readonly root: string;
  /** of the storage directory */
  private mode = PRIVATE;
  private readonly paths = new LRUCache<string, string>({ max: 2000 });
  private readonly syncs = new Map<string, { now: Promise<void>; next?: Promise<void> }>();
  /** directories that this process made, until their names are durable; null: the last attempt has failed */
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

  /** The mode of the storage directory if users other than its owner may look into it; else `undefined`. */
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

  /** Files and directories are as private as the storage directory; the umask may take more away. */
  public get fileMode(): number {
    return (this.mode & 0o666) | 0o600;
  }

  public get directoryMode(): number {
    return this.mode | PRIVATE;
  }

  /** Removes what writers that died left in `tmp/`, and what a probe left in `objects/`. */
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
      // the change time, because a link made just now to an old file is not stale
      if (!stat || stat.ctimeMs > before) continue;
      await this.files.remove(file);
      count++;
    }
    return count;
  }

  /** Throws what is missing if the file system cannot do what each write needs: a second name for a file of `tmp/`. */
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

  /** Throws where the whole store is gone, an unmounted volume for one: then no key may read as absent. */
  public async attached(): Promise<void> {
    // every path to an object leads through it, so it is in the kernel's memory
    if (await tolerate(this.statObjects(), 'ENOENT', 'ENOTDIR')) return;
    throw new RegistryError('unavailable', 'The storage directory is not there', {
      cause: new Error(`${this.objects} is missing: not initialised, or its volume is not mounted`),
    });
  }

  /** Does what puts something at `target`, with the directories it needs; others may remove those while empty. */
  public async place(target: string, act: () => Promise<void>): Promise<void> {
    for (let tries = 0; ; tries++) {
      try {
        return await act();
      } catch (error) {
        if (!hasCode(error, 'ENOENT') || tries > 100) throw error;
        await this.attached();
        // a parent that goes while we make its child: the next try finds out
        await tolerate(this.makeDirectory(path.dirname(target), this.objects), 'ENOENT');
      }
    }
  }

  /**
   * Removes what became empty above `file`, as far as that is possible now: a directory that stays is no object. A
   * writer that has just looked there finds out and makes it anew.
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
   * Makes what happened to the names in a directory durable; the nearest one above where it is gone itself. So it does
   * with the names of the directories above that are new: whoever made them, nothing that is in them is safe before.
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
   * Callers that come while a sync of the directory is under way share the next one, never this, which may have begun
   * before their change.
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

  /** Begins to make the name of a new directory durable: `sync` of what is in it waits for that. */
  private name(directory: string): Promise<void> {
    const naming = this.syncOnly(path.dirname(directory));
    this.unnamed.set(directory, naming);
    const ended = () => {
      if (this.unnamed.get(directory) === naming) this.unnamed.delete(directory);
    };
    // after an error it stays, until somebody whose write depends on it was told
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
