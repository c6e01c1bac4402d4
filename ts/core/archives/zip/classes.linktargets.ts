import { invalid } from '../../base/helpers.errors.js';
import { staysInside } from '../helpers.paths.js';
import { unpackKept } from './helpers.ziptexts.js';
import type { IZipHeader, IZipKept } from './interfaces.zip.js';

/** bytes, as they lie in the archive; real targets have some dozen */
const MAX_TARGET = 512;
/** bytes of all small files that are kept: some 20,000 of them */
const MAX_KEPT = 8 * 1024 * 1024;
/** bytes of a kept file beside its content */
const OVERHEAD = 128;

/**
 * The contents of small files, each of which may be the target of a link: only the directory at the end of a zip says
 * which files are links.
 */
export class LinkTargets {
  private readonly kept = new Map<string, IZipKept>();
  private size = 0;

  /** Collects the content of the next file; `done` is called when its header is complete. */
  public next(): { add(bytes: Buffer): void; done(path: string, header: IZipHeader): void } {
    let packed: Buffer | undefined = Buffer.alloc(0);
    return {
      add: (bytes) => {
        const fits = packed !== undefined && packed.length + bytes.length <= MAX_TARGET;
        packed = fits ? Buffer.concat([packed as Buffer, bytes]) : undefined;
      },
      done: (path, header) => {
        if (!packed) return;
        this.size += packed.length + OVERHEAD;
        // from the first that does not fit, nothing is kept: whether a link is refused does not depend on its length
        if (this.size <= MAX_KEPT) this.kept.set(path, { path, header, packed });
      },
    };
  }

  /** Throws `invalid` for a link that leads out of `top`, or whose target was not kept. */
  public async check(noun: string, links: Iterable<string>, top: readonly string[]): Promise<void> {
    for (const path of links) {
      const kept = this.kept.get(path);
      if (!kept) throw invalid(`${noun} contains a link whose target cannot be looked at: ${path.slice(0, 100)}`);
      const target = (await unpackKept(noun, kept)).toString();
      if (!staysInside(path.split('/'), target, top)) {
        throw invalid(`${noun} contains a link that leads out of its folder`);
      }
    }
  }
}
