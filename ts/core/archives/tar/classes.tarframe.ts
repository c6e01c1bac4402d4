import { invalidArchive } from '../helpers.paths.js';
import { assertPlainPax } from './helpers.pax.js';

const BLOCK = 512;
/** digits of a size: `0`..`7` in a field of 12 bytes */
const SIZE = { start: 124, end: 136 };
const TYPE = 156;
/** bytes of a pax header; it holds names and times */
const MAX_PAX = 1024 * 1024;

const sizeOf = (noun: string, header: Buffer): number => {
  // a set first bit means base 256; the eight last bytes hold more than any archive here has
  if (header.readUInt8(SIZE.start) & 0x80) {
    const size = Number(header.readBigUInt64BE(SIZE.end - 8));
    if (!Number.isSafeInteger(size)) throw invalidArchive(`${noun} has an entry with an impossible size`);
    return size;
  }
  const digits = header.toString('latin1', SIZE.start, SIZE.end).replace(/^[ \0]*([0-7]*)[ \0].*$/s, '$1');
  if (!/^[0-7]*$/.test(digits)) throw invalidArchive(`${noun} has an entry with an impossible size`);
  return digits === '' ? 0 : Number.parseInt(digits, 8);
};

/**
 * Follows the headers of a tar archive as the simplest reader does, by their own size fields, and stops at the first
 * empty block. Readers that also know pax headers and read on behind empty blocks must come to the same entries; where
 * they do not, two unpackers unpack two different packages (CVE-2025-62518). So it throws `invalid` for content behind
 * the end, for folders and links with content, for pax fields that only some readers know, and for an entry that several
 * headers name: Python takes the outer one, tar-stream the pax header, and cargo the name of GNU tar. Sizes in pax headers
 * are refused where entries are read.
 */
export class TarFrame {
  private readonly header = Buffer.alloc(BLOCK);
  private filled = 0;
  /** bytes of the current entry, with its padding, that have not passed yet */
  private left = 0;
  private ended = false;
  /** types of the headers that have described the next entry */
  private readonly describing = new Set<string>();
  /** the pax header whose content is passing */
  private pax: { type: string; size: number; parts: Buffer[] } | undefined;

  constructor(private readonly noun: string) {}

  /** The next bytes of the unpacked archive. */
  public add(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      const rest = chunk.length - at;
      if (this.left > 0) {
        const step = Math.min(this.left, rest);
        this.pax?.parts.push(chunk.subarray(at, at + step));
        this.left -= step;
        at += step;
        if (this.left === 0) this.endContent();
      } else {
        const step = Math.min(BLOCK - this.filled, rest);
        chunk.copy(this.header, this.filled, at, at + step);
        this.filled += step;
        at += step;
        if (this.filled === BLOCK) this.block();
      }
    }
  }

  /** After the last bytes. */
  public finish(): void {
    if (this.left > 0 || this.filled > 0) throw invalidArchive(`${this.noun} is cut short`);
  }

  private block(): void {
    this.filled = 0;
    const isEmpty = this.header.every((byte) => byte === 0);
    if (isEmpty) this.ended = true;
    else if (this.ended) throw invalidArchive(`${this.noun} has content behind its end`);
    else this.begin();
  }

  private begin(): void {
    const size = sizeOf(this.noun, this.header);
    const type = String.fromCharCode(this.header.readUInt8(TYPE));
    if (size > 0 && '123456'.includes(type)) throw invalidArchive(`${this.noun} has a folder or a link with content`);
    this.left = Math.ceil(size / BLOCK) * BLOCK;
    this.describe(type, size);
  }

  private describe(type: string, size: number): void {
    const { noun, describing } = this;
    if (type === 'x' || type === 'g') {
      if (size > MAX_PAX) throw invalidArchive(`${noun} has a pax header of more than ${MAX_PAX} bytes`);
      if (size > 0) this.pax = { type, size, parts: [] };
    }
    if (type === 'g') return;
    const isName = type === 'L' || type === 'K';
    if (type !== 'x' && !isName) {
      describing.clear();
      return;
    }
    if (describing.has(type) || describing.has(isName ? 'x' : 'L') || (!isName && describing.has('K')))
      throw invalidArchive(`${noun} has an entry that several headers describe`);
    describing.add(type);
  }

  private endContent(): void {
    const { noun, pax } = this;
    this.pax = undefined;
    if (pax) assertPlainPax(noun, pax.type, Buffer.concat(pax.parts).subarray(0, pax.size));
  }
}
