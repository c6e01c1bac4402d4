import { createInflateRaw } from 'node:zlib';
import { invalid } from '../../base/helpers.errors.js';
import { SharedSlices } from '../../base/helpers.slices.js';
import type { RegistryError } from '../../classes.registryerror.js';
import { assertUnpacked } from '../helpers.limits.js';
import { crc32 } from './helpers.crc32.js';
import { inflateAtOnce } from './helpers.inflating.js';
import { HAS_DESCRIPTOR, isDeflated } from './helpers.zipfields.js';
import type { IZipFile, IZipRules } from './interfaces.zip.js';

/** bytes, packed and unpacked: smaller content is unpacked at once, which costs a tenth of a stream of its own */
const SMALL = 64 * 1024;
const SMALL_UNPACKED = 256 * 1024;
/** of one small file; a piece of some bytes takes a hundred */
const MAX_PIECES = 64;

/**
 * bytes of unpacked content. A ratio is about the whole archive, and its rest may pack worse; but from here on, no archive
 * is unpacked further than its ratios allow: 4 MB of deflate are 4 GiB, which take the processor for ten seconds.
 */
const HOPELESS = 512 * 1024 * 1024;

type TContentRules = Pick<IZipRules, 'noun' | 'maxUnpackedSize' | 'ratios'>;

/** The packed content of a file, as far as it has come. */
interface IContent {
  file: IZipFile;
  /** what is not unpacked yet: parts of the archive's own chunks, as a copy would cost more than most files have */
  pieces: Buffer[];
  /** bytes of all pieces there were */
  packed: number;
  /** whether this is all of it, and the header is complete */
  ended: boolean;
}

/** Counts the bytes of all files. */
class Total {
  public packed = 0;
  private unpacked = 0;
  private readonly rules: TContentRules;

  constructor(rules: TContentRules) {
    const ratios = rules.ratios?.map(({ times, from }) => ({ times, from: Math.max(from, HOPELESS) }));
    this.rules = { ...rules, ratios };
  }

  /** Throws `tooLarge` for more unpacked bytes than there can be. */
  public add(bytes: number): void {
    this.unpacked += bytes;
    assertUnpacked(this.rules, this.packed, this.unpacked);
  }
}

/** Counts the unpacked bytes of one file. */
class Unpacked {
  private size = 0;
  private crc = 0;

  constructor(
    private readonly noun: string,
    private readonly total: Total,
    private readonly file: IZipFile,
    /** whether the header says its size already */
    private readonly hasSize: boolean,
  ) {}

  public damaged(cause?: unknown): RegistryError {
    return invalid(`${this.noun} has a damaged ${this.file.path}`, cause);
  }

  /** Throws `invalid` or `tooLarge` for more bytes than there can be. */
  public add(bytes: Uint8Array): void {
    this.size += bytes.byteLength;
    if (this.hasSize && this.size > this.file.header.size) throw this.damaged();
    this.total.add(bytes.byteLength);
    this.crc = crc32(bytes, this.crc);
  }

  /** Throws `invalid` if the content is not what the header says. */
  public finish(): void {
    const { size, crc } = this.file.header;
    if (this.size !== size || this.crc !== crc) throw this.damaged();
  }
}

/** Unpacks content that is too large to be unpacked at once. */
class Inflater {
  private readonly stream = createInflateRaw();
  private failure: unknown;
  private ended = false;
  private wake: () => void = () => undefined;

  constructor(private readonly unpacked: Unpacked) {
    const { stream } = this;
    stream.on('data', (bytes: Buffer) => {
      try {
        unpacked.add(bytes);
      } catch (error) {
        this.fail(error);
      }
    });
    stream.on('error', (error) => this.fail(unpacked.damaged(error)));
    stream.on('drain', () => this.wake());
    stream.on('end', () => {
      this.ended = true;
      this.wake();
    });
  }

  private fail(error: unknown): void {
    this.failure ??= error;
    this.stream.destroy();
    this.wake();
  }

  public async write(bytes: Uint8Array): Promise<void> {
    // deflate ended before: what follows is not part of it
    if (this.ended) throw this.unpacked.damaged();
    if (!this.stream.write(bytes)) await this.woken();
    if (this.failure) throw this.failure;
  }

  /** @param packed bytes that were written */
  public async finish(packed: number): Promise<void> {
    this.stream.end();
    while (!this.ended && !this.failure) await this.woken();
    if (this.failure) throw this.failure;
    // the count of bytes stops where deflate ended
    if (this.stream.bytesWritten < packed) throw this.unpacked.damaged();
  }

  public close(): void {
    this.stream.destroy();
  }

  private async woken(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.wake = resolve;
      if (this.failure || this.ended) resolve();
    });
  }
}

/**
 * Unpacks every file of a zip and compares it with what its header says, so that nothing is stored that an unpacker
 * refuses, or that unpacks to more than was counted. Nothing of the content is kept. The reader hands over packed bytes
 * as they come, some 64 KiB at most; `settle` unpacks them.
 */
export class ZipContents {
  private readonly slices = new SharedSlices();
  /** only the last one may not have come to its end */
  private waiting: IContent[] = [];
  /** the file that is unpacked in pieces */
  private unpacked: Unpacked | undefined;
  private inflater: Inflater | undefined;
  private readonly noun: string;
  private readonly total: Total;

  constructor(rules: TContentRules) {
    this.noun = rules.noun;
    this.total = new Total(rules);
  }

  /** Takes over the content of the next file. `done` is called when its header is complete. */
  public next(file: IZipFile): { add(bytes: Buffer): void; done(): void } {
    const content: IContent = { file, pieces: [], packed: 0, ended: false };
    this.waiting.push(content);
    return {
      add: (bytes) => {
        content.pieces.push(bytes);
        content.packed += bytes.length;
        this.total.packed += bytes.length;
      },
      done: () => {
        content.ended = true;
      },
    };
  }

  /** Unpacks what has come. Throws `invalid` if a file is not what its header says. */
  public async settle(): Promise<void> {
    const { waiting } = this;
    this.waiting = waiting.filter(({ ended }) => !ended);
    for (const content of waiting) {
      if (this.isSmall(content)) this.unpackAtOnce(content);
      else await this.unpackPieces(content);
      if (this.slices.due) await this.slices.rest();
    }
  }

  /** Ends what was not read to its end. */
  public close(): void {
    this.inflater?.close();
  }

  private isSmall({ file, packed, ended }: IContent): boolean {
    return !this.unpacked && packed <= SMALL && (!ended || file.header.size <= SMALL_UNPACKED);
  }

  /** Small content waits until all of it has come. */
  private unpackAtOnce(waiting: IContent): void {
    const { file, pieces, packed, ended } = waiting;
    if (!ended) {
      if (pieces.length > MAX_PIECES) waiting.pieces = [Buffer.concat(pieces)];
      return;
    }
    const unpacked = new Unpacked(this.noun, this.total, file, true);
    let content: Buffer = Buffer.concat(pieces);
    if (isDeflated(file.header, packed)) {
      try {
        content = inflateAtOnce(content, file.header.size);
      } catch (cause) {
        throw unpacked.damaged(cause);
      }
    }
    unpacked.add(content);
    unpacked.finish();
  }

  private async unpackPieces({ file, pieces, packed, ended }: IContent): Promise<void> {
    const { header } = file;
    this.unpacked ??= new Unpacked(this.noun, this.total, file, ended || !(header.flags & HAS_DESCRIPTOR));
    const { unpacked } = this;
    if (isDeflated(header, packed)) this.inflater ??= new Inflater(unpacked);
    for (const piece of pieces.splice(0)) {
      if (this.inflater) await this.inflater.write(piece);
      else unpacked.add(piece);
    }
    if (!ended) return;
    await this.inflater?.finish(packed);
    this.inflater?.close();
    this.inflater = undefined;
    this.unpacked = undefined;
    unpacked.finish();
  }
}
