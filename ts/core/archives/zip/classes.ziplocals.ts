import { invalid } from '../../base/helpers.errors.js';
import { GatheredBytes } from '../../base/helpers.gathering.js';
import { RegistryError } from '../../classes.registryerror.js';
import { tooManyBytes } from '../helpers.limits.js';
import { assertPlainName, pathOf } from '../helpers.paths.js';
import type { ByteFeed, TSteps } from './classes.bytefeed.js';
import { LinkTargets } from './classes.linktargets.js';
import { ZipContents } from './classes.zipcontents.js';
import {
  descriptorBefore,
  HAS_DESCRIPTOR,
  type IZipDescriptor,
  REFUSED_FLAGS,
  readExtra,
  readName,
  withZip64,
} from './helpers.zipfields.js';
import type { IZipFile, IZipHeader, IZipKept, IZipRules } from './interfaces.zip.js';

/** See `IArchiveLimits.maxEntries`. */
const MAX_ENTRIES = 200_000;
/** bytes; the longest path that Linux opens */
const MAX_NAME = 4096;
/** bytes of all names: they are in memory until the directory has confirmed them */
const MAX_NAMES = 32 * 1024 * 1024;
/**
 * bytes of all contents that are kept, packed and unpacked: they are unpacked together, and 20,000 wanted files of 4 KiB
 * may unpack to 4 MiB each
 */
const MAX_KEPT = 64 * 1024 * 1024;

const SIGNATURE_LENGTH = 4;
/**
 * Whether the header of a file or of the directory may begin here. This is asked for each byte of an archive that is
 * full of such beginnings, so it looks at single bytes: a search takes a hundred times as long for each that it finds.
 */
const isNextRecord = (bytes: Buffer, at: number): boolean =>
  bytes[at] === 0x50 &&
  bytes[at + 1] === 0x4b &&
  ((bytes[at + 2] === 3 && bytes[at + 3] === 4) || (bytes[at + 2] === 1 && bytes[at + 3] === 2));
/** bytes that may lie before the next record: the longest descriptor, and a signature that is not complete yet */
const HELD_BACK = 24 + 3;

/** A file as its own header describes it. */
export interface IZipLocal extends IZipFile {
  isDirectory: boolean;
}

/** Reads the files of a zip in order, one directly behind another. */
export class ZipLocals {
  /** by the offset of its header */
  public readonly byOffset = new Map<number, IZipLocal>();
  public readonly kept: IZipKept[] = [];
  /** undefined: there can be no links */
  public readonly targets: LinkTargets | undefined;
  /** undefined: content that nobody wants is passed over */
  public readonly contents: ZipContents | undefined;
  public unpackedSize = 0;
  private readonly paths = new Set<string>();
  private namesSize = 0;
  private keptSize = 0;
  private keptUnpacked = 0;

  constructor(
    private readonly feed: ByteFeed,
    private readonly rules: IZipRules,
  ) {
    this.targets = rules.links === 'inside' ? new LinkTargets() : undefined;
    this.contents = rules.unpacks === 'all' ? new ZipContents(rules) : undefined;
  }

  /** Reads one file; its signature is read already. */
  public *file(offset: number): TSteps<void> {
    const { feed, rules } = this;
    const { noun } = rules;
    const fixed = yield* feed.take(26);
    const flags = fixed.readUInt16LE(2);
    const method = fixed.readUInt16LE(4);
    const nameLength = fixed.readUInt16LE(22);
    const extraLength = fixed.readUInt16LE(24);
    if (flags & REFUSED_FLAGS) throw invalid(`${noun} contains an encrypted or a patched file`);
    if (method !== 0 && method !== 8)
      throw invalid(`${noun} uses compression method ${method}; only deflate is allowed`);
    if (nameLength > MAX_NAME) throw invalid(`${noun} contains a name of more than ${MAX_NAME} bytes`);
    const [crc, packedSize, size] = [fixed.readUInt32LE(10), fixed.readUInt32LE(14), fixed.readUInt32LE(18)] as const;
    const raw = yield* feed.take(nameLength);
    const rawName = raw.toString('latin1');
    const { names } = rules;
    const { zip64, unicodePath } = readExtra(noun, yield* feed.take(extraLength));
    const name = readName(noun, raw, { flags, unicodePath, names });
    const [realSize, realPacked] = withZip64(noun, [size, packedSize], zip64) as [number, number];
    // one text for both, if they are the same: an archive may have megabytes of names
    const own = rawName === name ? name : rawName;
    const header: IZipHeader = { rawName: own, name, flags, method, crc, packedSize: realPacked, size: realSize };
    const local = this.admit(header);
    this.byOffset.set(offset, local);
    const limit = local.isDirectory ? undefined : rules.wanted(local.path);
    if (flags & HAS_DESCRIPTOR) yield* this.contentWithDescriptor(local, limit);
    else yield* this.content(local, limit);
    this.assertSize(local);
  }

  private admit(header: IZipHeader): IZipLocal {
    const { noun, maxEntries = MAX_ENTRIES } = this.rules;
    const { name } = header;
    assertPlainName(noun, name);
    if (name.includes('\\')) throw invalid(`${noun} contains a name with a backslash`);
    const path = pathOf(noun, name);
    const isDirectory = name.endsWith('/');
    if (path === '' && !isDirectory) throw invalid(`${noun} contains a file without a name`);
    if (this.paths.has(path)) throw invalid(`${noun} contains ${path || 'a folder'} twice`);
    this.paths.add(path);
    this.namesSize += name.length;
    if (this.paths.size > maxEntries || this.namesSize > MAX_NAMES) {
      throw new RegistryError('tooLarge', `${noun} has more than ${maxEntries} entries, or too long ones`);
    }
    return { header, path, isDirectory };
  }

  private *content(file: IZipLocal, limit: number | undefined): TSteps<void> {
    const { header } = file;
    // before the content is awaited: a lie about the size is noticed here
    this.assertTotal(header.size);
    const readers = this.readers(file, limit);
    yield* this.feed.skip(header.packedSize, readers.add);
    readers.done();
  }

  /** All that look at the content of a file while it passes. */
  private readers(file: IZipLocal, limit: number | undefined) {
    const { path, header } = file;
    const keeper = this.keeper(path, limit, header.size);
    const target = this.targets?.next();
    const content = this.contents?.next(file);
    return {
      add: (bytes: Buffer): void => {
        keeper?.add(bytes);
        target?.add(bytes);
        content?.add(bytes);
      },
      /** when the header is complete */
      done: (): void => {
        keeper?.assertSize(header.size);
        if (keeper) this.keep({ path, header, packed: keeper.whole() });
        target?.done(path, header);
        content?.done();
      },
    };
  }

  /**
   * The header was written before its content: its sizes follow the content. The end of the content is where a
   * descriptor lies directly before the next record and holds exactly the number of bytes up to itself. An archive
   * inside the content does not look so, unless it was made to; and then the central directory, which is compared with
   * everything that was read here, names other sizes.
   */
  private *contentWithDescriptor(file: IZipLocal, limit: number | undefined): TSteps<void> {
    const { feed } = this;
    const { header } = file;
    const readers = this.readers(file, limit);
    let passed = 0;
    let searched = 0;
    const pass = (count: number): void => {
      passed += count;
      readers.add(feed.pass(count));
    };
    for (;;) {
      const found = this.findEnd(searched, passed);
      if (found) {
        const { start, descriptor } = found;
        pass(start);
        feed.pass(descriptor.length);
        this.confirm(header, descriptor);
        this.assertTotal(header.size);
        readers.done();
        return;
      }
      pass(Math.max(0, feed.unread.length - HELD_BACK));
      searched = Math.max(0, feed.unread.length - 3);
      yield* feed.more();
    }
  }

  /** Where the content ends in the bytes that have come; what lies before `searched` was looked at before. */
  private findEnd(searched: number, passed: number): { start: number; descriptor: IZipDescriptor } | undefined {
    const { unread } = this.feed;
    const last = unread.length - SIGNATURE_LENGTH;
    for (let at = searched; at <= last; at++) {
      if (!isNextRecord(unread, at)) continue;
      const descriptor = descriptorBefore(unread, at, passed);
      if (descriptor) return { start: at - descriptor.length, descriptor };
    }
    return undefined;
  }

  private confirm(header: IZipHeader, { crc, packedSize, size }: IZipDescriptor): void {
    const { noun } = this.rules;
    // some writers know the values beforehand and write them twice; all others leave them zero
    const differs = [
      [header.crc, crc],
      [header.packedSize, packedSize],
      [header.size, size],
    ].some(([before, after]) => before !== 0 && before !== after);
    if (differs) throw invalid(`${noun} names two sizes for ${header.name}`);
    Object.assign(header, { crc, packedSize, size });
  }

  private keep(kept: IZipKept): void {
    this.keptUnpacked += kept.header.size;
    if (this.keptUnpacked > MAX_KEPT) throw this.tooManyKept(kept.path);
    this.kept.push(kept);
  }

  private tooManyKept(path: string): RegistryError {
    return invalid(`${this.rules.noun} has too many files like ${path}`);
  }

  private assertTotal(size: number): void {
    this.unpackedSize += size;
    if (this.unpackedSize > this.rules.maxUnpackedSize) throw tooManyBytes(this.rules);
  }

  private assertSize({ header, isDirectory }: IZipLocal): void {
    const { noun } = this.rules;
    const { method, packedSize, size, name } = header;
    if (method === 0 && packedSize !== size) throw invalid(`${noun} names two sizes for ${name}`);
    if (isDirectory && size > 0) throw invalid(`${noun} has a folder with content`);
  }

  /** Keeps the content of a wanted file. It throws as soon as there is more of it than is allowed. */
  private keeper(path: string, limit: number | undefined, size: number) {
    if (limit === undefined) return undefined;
    const { noun } = this.rules;
    const tooLarge = () => invalid(`${noun} has a ${path} that is too large`);
    const assertSize = (bytes: number): void => {
      if (bytes > limit) throw tooLarge();
    };
    assertSize(size);
    const gathered = new GatheredBytes();
    return {
      assertSize,
      add: (bytes: Buffer): void => {
        gathered.add(bytes);
        this.keptSize += bytes.length;
        // deflate makes incompressible content longer by five bytes in 16 KiB
        if (gathered.size > limit * 1.001 + 1024) throw tooLarge();
        if (this.keptSize > MAX_KEPT) throw this.tooManyKept(path);
      },
      whole: () => gathered.whole(),
    };
  }
}
