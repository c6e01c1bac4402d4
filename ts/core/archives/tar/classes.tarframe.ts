import { invalid } from '../../base/helpers.errors.js';
import {
  assertNumbers,
  assertOneMeaning,
  assertPaxRecords,
  assertReadableSize,
  renamed,
  strictSize,
  typeOf,
} from './helpers.headerfields.js';

const BLOCK = 512;
/** bytes of a pax header or a long name; `tar-stream` reads no longer ones */
const MAX_TEXT = 4 * 1024 * 1024;
/** headers that say something about the next entry: a long name, a long target of a link, a pax header */
const FORERUNNERS = 'LKx';

/**
 * Follows the headers of a tar archive as the simplest reader does, by their own size fields, and stops at the first
 * empty block. Readers that also know pax headers and read on behind empty blocks must come to the same entries; where
 * they do not, two unpackers unpack two different packages (CVE-2025-62518). So it throws `invalid` for content behind
 * the end, for folders and links with content, and for headers that readers understand in different ways. Sizes in pax
 * headers are refused where entries are read.
 *
 * If it is not strict, it only refuses headers at which `tar-stream` would wait for ever, wherever they lie.
 */
export class TarFrame {
  private readonly header = Buffer.alloc(BLOCK);
  private filled = 0;
  /** bytes of the current entry, with its padding, that have not passed yet */
  private left = 0;
  private ended = false;
  /** the headers for the next entry that have passed */
  private forerunners = '';
  /** the pax header or long name that is passing */
  private forerunner: { type: string; size: number; parts: Buffer[] } | undefined;

  constructor(
    private readonly noun: string,
    private readonly strict = true,
    private readonly ownNames = false,
  ) {}

  /** The next bytes of the unpacked archive. */
  public add(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      const rest = chunk.length - at;
      if (this.left > 0) {
        const step = Math.min(this.left, rest);
        this.forerunner?.parts.push(Buffer.from(chunk.subarray(at, at + step)));
        this.left -= step;
        at += step;
        if (this.left === 0) this.endForerunner();
      } else {
        const step = Math.min(BLOCK - this.filled, rest);
        chunk.copy(this.header, this.filled, at, at + step);
        this.filled += step;
        at += step;
        if (this.filled === BLOCK) this.block();
      }
    }
  }

  /** Whether an empty block, the end of the archive, has passed. */
  public get hasEnd(): boolean {
    return this.ended;
  }

  /** After the last bytes. */
  public finish(): void {
    if (!this.strict) return;
    if (this.left > 0 || this.filled > 0 || this.forerunners !== '') {
      throw invalid(`${this.noun} is cut short`);
    }
  }

  private block(): void {
    this.filled = 0;
    if (!this.strict) assertReadableSize(this.noun, this.header);
    else if (this.header.every((byte) => byte === 0)) this.ended = true;
    else if (this.ended) throw invalid(`${this.noun} has content behind its end`);
    else this.begin();
  }

  private begin(): void {
    const { noun, header } = this;
    assertNumbers(noun, header);
    const size = strictSize(noun, header);
    const type = typeOf(header);
    assertOneMeaning(noun, header, size);
    this.follow(type);
    this.left = Math.ceil(size / BLOCK) * BLOCK;
    if (this.ownNames && 'LK'.includes(type)) throw renamed(noun);
    if (type !== 'g' && !FORERUNNERS.includes(type)) return;
    if (size > MAX_TEXT) throw invalid(`${noun} has too long a name or pax header`);
    this.forerunner = { type, size, parts: [] };
    if (size === 0) this.endForerunner();
  }

  /** Readers differ in which of two long names counts. GNU tar writes `L` and `K` for one entry, others one `x`. */
  private follow(type: string): void {
    if (type === 'g') return;
    if (!FORERUNNERS.includes(type)) {
      this.forerunners = '';
      return;
    }
    const before = this.forerunners;
    if (before.includes(type) || before.includes('x') || (type === 'x' && before !== '')) {
      throw invalid(`${this.noun} has an entry with two names`);
    }
    this.forerunners += type;
  }

  private endForerunner(): void {
    const { forerunner, noun } = this;
    this.forerunner = undefined;
    if (!forerunner) return;
    const { type, size, parts } = forerunner;
    const text = Buffer.concat(parts).subarray(0, size);
    if (type === 'x' || type === 'g') assertPaxRecords(noun, type, text, this.ownNames);
    // some readers take the name in the entry's own header then
    else if (!text[0]) throw invalid(`${noun} has an entry with an empty name`);
  }
}
