import { RegistryError } from '../../../classes.registryerror.js';
import type { DirectoryLayout } from '../files/classes.layout.js';
import { hasCode } from '../files/helpers.files.js';
import { type IAbout, RESERVED } from '../files/helpers.header.js';
import type { Lookup } from '../reading/classes.lookup.js';
import type { IOpened } from '../reading/classes.versionreader.js';
import { BytesDraft, type Draft, FileDraft } from './classes.draft.js';
import { fill, SMALL } from './helpers.intake.js';

const COPY_CHUNK = 1024 * 1024;

export interface IComposition extends IAbout {
  target: string;
  parts: string[];
  etags?: string[];
  signal?: AbortSignal;
}

type IPart = IOpened & { key: string };

const shortened = (): RegistryError => new RegistryError('unavailable', 'A stored object is shorter than it should be');

/** Makes one draft of several objects. */
export class Composer {
  constructor(
    private readonly layout: DirectoryLayout,
    private readonly lookup: Lookup,
  ) {}

  public async draft(composition: IComposition): Promise<Draft> {
    if (composition.parts.length === 0)
      throw new RegistryError('invalid', 'An object is composed of at least one part');
    const opened: IPart[] = [];
    try {
      for (const [at, key] of composition.parts.entries()) {
        opened.push(await this.open(key));
        const { etag } = (opened.at(-1) as IPart).version.header;
        if (etag !== (composition.etags?.[at] ?? etag)) {
          throw new RegistryError('notFound', 'A part of the object is another one by now');
        }
      }
      const parts = opened.filter(({ version }) => version.header.size > 0);
      const only = parts.length === 1 ? parts[0] : undefined;
      const adopted = only && only.key !== composition.target ? await this.adopt(composition, only) : null;
      return adopted ?? (await this.copy(composition, parts));
    } finally {
      for (const { fd } of opened) await this.layout.files.close(fd);
    }
  }

  /** Opens the current version, so that a part that changes meanwhile does not yield a mixture. */
  private async open(key: string): Promise<IPart> {
    const opened = await this.lookup.open(key, this.layout.pathOf(key), 0);
    if (!opened) throw new RegistryError('notFound', 'A part of the object does not exist');
    return { ...opened, key };
  }

  /**
   * Gives the part's file to the target: writes its second header in place, and the publisher links it. The part keeps
   * its first header, so it is unchanged if that fails. Only one caller may do so: the one that makes the claim, a link
   * in `tmp/`, while the part is the file's only name. All others copy. A caller also copies if the part's own header
   * is the second one: overwriting it would damage the part for all readers until it is deleted.
   */
  private async adopt(composition: IComposition, part: IPart): Promise<Draft | null> {
    const { version, file, fd } = part;
    const { files } = this.layout;
    if (version.offset !== RESERVED || version.adopted) return null;
    const claim = this.layout.temporary(`adopt-${version.header.etag}`);
    try {
      await files.link(file, claim);
    } catch (error) {
      if (hasCode(error, 'EEXIST', 'ENOENT', 'ENOTDIR', 'EISDIR', 'EPERM', 'EMLINK')) return null;
      throw error;
    }
    try {
      const [ours, claimed] = await Promise.all([files.fstat(fd), files.stat(claim)]);
      if (claimed.nlink === 2 && claimed.ino === ours.ino) {
        const writable = await files.open(claim, 'r+');
        return new FileDraft(this.layout, composition.target, composition, claim, writable, version.header.size, 1);
      }
    } catch (error) {
      await files.unlink(claim);
      throw error;
    }
    await files.unlink(claim);
    return null;
  }

  private async copy(composition: IComposition, parts: IOpened[]): Promise<Draft> {
    const { files } = this.layout;
    const { target, signal } = composition;
    const total = parts.reduce((sum, { version }) => sum + version.header.size, 0);
    if (total <= SMALL) {
      const buffer = Buffer.allocUnsafe(total);
      let at = 0;
      for (const { fd, version } of parts) {
        const chunk = buffer.subarray(at, at + version.header.size);
        // the rest of the buffer is memory of this process, which must not become part of an object
        if ((await files.read(fd, chunk, version.offset)) < chunk.byteLength) throw shortened();
        at += chunk.byteLength;
      }
      return new BytesDraft(this.layout, target, composition, buffer);
    }
    // one buffer is filled while the other one is written
    let [buffer, other] = [Buffer.allocUnsafe(COPY_CHUNK), Buffer.allocUnsafe(COPY_CHUNK)];
    return fill(this.layout, target, composition, async (writer) => {
      for (const { fd, version } of parts) {
        for (let at = 0; at < version.header.size; at += COPY_CHUNK) {
          signal?.throwIfAborted();
          const chunk = buffer.subarray(0, Math.min(buffer.byteLength, version.header.size - at));
          const count = await files.read(fd, chunk, version.offset + at);
          if (count < chunk.byteLength) throw shortened();
          // resolves when the chunk before is written
          await writer.add([chunk], count);
          [buffer, other] = [other, buffer];
        }
      }
    });
  }
}
