import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type IFiles, nodeFiles } from '../../../ts/core/objectstore/directory/files/helpers.files.js';

/** A file: its bytes, and those that a sync has made durable. */
class VolatileFile {
  public bytes = Buffer.alloc(0);
  public durable: Buffer = Buffer.alloc(0);

  public write(chunk: Uint8Array, position: number): void {
    const end = position + chunk.byteLength;
    if (end > this.bytes.byteLength)
      this.bytes = Buffer.concat([this.bytes, Buffer.alloc(end - this.bytes.byteLength)]);
    this.bytes.set(chunk, position);
  }

  public sync(): void {
    this.durable = Buffer.from(this.bytes);
  }
}

type TNode = VolatileFile | VolatileFolder;

/** A folder: its names, and those that a sync has made durable. */
class VolatileFolder {
  public readonly names = new Map<string, TNode>();
  public durable = new Map<string, TNode>();

  public sync(): void {
    this.durable = new Map(this.names);
  }
}

/** What would be found after a loss of power: file bytes, or the names of a folder. */
export type TSnapshot = Buffer | { [name: string]: TSnapshot };

const snapshotOf = (node: TNode): TSnapshot => {
  if (node instanceof VolatileFile) return node.durable;
  return Object.fromEntries([...node.durable].map(([name, below]) => [name, snapshotOf(below)]));
};

/** Writes a snapshot to a folder that is there. */
export const restore = async (snapshot: TSnapshot, folder: string): Promise<void> => {
  for (const [name, below] of Object.entries(snapshot)) {
    const path = join(folder, name);
    if (Buffer.isBuffer(below)) {
      await writeFile(path, below);
    } else {
      await mkdir(path);
      await restore(below, path);
    }
  }
};

/**
 * Watches the calls of a directory driver and keeps a model of the disk beside them, as POSIX allows it to be at worst:
 * bytes of a file are lost unless the file was synced after they were written, and a name is lost, or is still there,
 * unless its folder was synced after it was made or taken away. `snapshot` is the disk after a loss of power now.
 */
export class VolatileFiles {
  private readonly root = new VolatileFolder();
  private readonly opened = new Map<number, TNode>();

  /** @param onChange called after each change and each sync */
  constructor(
    private readonly directory: string,
    private readonly onChange: () => void = () => {},
  ) {}

  public snapshot(): TSnapshot {
    return snapshotOf(this.root);
  }

  public get files(): IFiles {
    const opened = async (path: string, opening: Promise<number>, isMade: boolean): Promise<number> => {
      const fd = await opening;
      if (isMade) {
        const folder = this.folderOf(path);
        const node = folder.names.get(basename(path));
        if (node instanceof VolatileFile) node.bytes = Buffer.alloc(0);
        else folder.names.set(basename(path), new VolatileFile());
        this.onChange();
      }
      const node = this.find(path);
      if (node) this.opened.set(fd, node);
      return fd;
    };
    const after = async (work: Promise<unknown>, change: () => void): Promise<void> => {
      await work;
      change();
      this.onChange();
    };
    const sync = (fd: number) => () => this.opened.get(fd)?.sync();
    const put = (fd: number, bytes: Uint8Array, position: number): void => {
      const node = this.opened.get(fd);
      if (node instanceof VolatileFile) node.write(bytes, position);
    };
    return {
      ...nodeFiles,
      open: (path, flags) => opened(path, nodeFiles.open(path, flags), flags.startsWith('w')),
      openHot: (path) => opened(path, nodeFiles.openHot(path), false),
      close: (fd) => {
        this.opened.delete(fd);
        return nodeFiles.close(fd);
      },
      release: (fd) => {
        this.opened.delete(fd);
        nodeFiles.release(fd);
      },
      fsync: (fd) => after(nodeFiles.fsync(fd), sync(fd)),
      fdatasync: (fd) => after(nodeFiles.fdatasync(fd), sync(fd)),
      write: (fd, bytes, position) => {
        const copy = Buffer.from(bytes);
        return after(nodeFiles.write(fd, bytes, position), () => put(fd, copy, position));
      },
      writev: (fd, chunks, position) => {
        const copy = Buffer.concat(chunks);
        return after(nodeFiles.writev(fd, chunks, position), () => put(fd, copy, position));
      },
      link: (from, to) => after(nodeFiles.link(from, to), () => this.name(to, this.known(from))),
      rename: (from, to) =>
        after(nodeFiles.rename(from, to), () => {
          this.name(to, this.known(from));
          this.forget(from);
        }),
      unlink: (path) => after(nodeFiles.unlink(path), () => this.forget(path)),
      mkdir: (path) => after(nodeFiles.mkdir(path), () => this.name(path, new VolatileFolder())),
      rmdir: (path) => after(nodeFiles.rmdir(path), () => this.forget(path)),
      remove: (path) => after(nodeFiles.remove(path), () => this.forget(path)),
    };
  }

  private name(path: string, node: TNode): void {
    this.folderOf(path).names.set(basename(path), node);
  }

  private forget(path: string): void {
    this.folderOf(path).names.delete(basename(path));
  }

  private known(path: string): TNode {
    const node = this.find(path);
    if (!node) throw new Error(`${path} was not made by this driver`);
    return node;
  }

  private folderOf(path: string): VolatileFolder {
    const node = this.find(dirname(path));
    if (!(node instanceof VolatileFolder)) throw new Error(`${dirname(path)} was not made by this driver`);
    return node;
  }

  private find(path: string): TNode | undefined {
    let node: TNode | undefined = this.root;
    for (const name of path.slice(this.directory.length).split('/').filter(Boolean)) {
      node = node instanceof VolatileFolder ? node.names.get(name) : undefined;
    }
    return node;
  }
}
