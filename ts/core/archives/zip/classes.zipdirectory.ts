import { invalid } from '../../base/helpers.errors.js';
import type { RegistryError } from '../../classes.registryerror.js';
import type { ByteFeed, TSteps } from './classes.bytefeed.js';
import type { IZipLocal, ZipLocals } from './classes.ziplocals.js';
import {
  CENTRAL,
  END,
  END_SIGNATURE,
  END64,
  IN_ZIP64,
  LOCATOR64,
  LOCATOR64_LENGTH,
  MAX_VERSION,
  marksAgree,
  REFUSED_FLAGS,
  readExtra,
  readName,
  readUint64,
  withZip64,
} from './helpers.zipfields.js';
import type { IZipEntry, IZipRules } from './interfaces.zip.js';

/** The type of a file in the upper half of the external attributes, as Unix has it. */
const FILE_TYPE = 0xf000;
const KIND_OF_TYPE = new Map<number, IZipEntry['kind']>([
  [0x0000, 'file'],
  [0x8000, 'file'],
  [0x4000, 'directory'],
  [0xa000, 'link'],
]);

/** Reads the central directory and the end of a zip, and compares them with the files that came before. */
export class ZipDirectory {
  public readonly entries = new Map<string, IZipEntry>();
  /** where it begins; undefined before its first entry */
  public start: number | undefined;
  /** where the end begins, which is the last record */
  public endsAt = 0;
  private count = 0;
  /** the parts of the last entry that was read */
  private last: Buffer[] = [];

  constructor(
    private readonly feed: ByteFeed,
    private readonly rules: IZipRules,
    private readonly locals: ZipLocals,
  ) {}

  /** Reads to the end; the first signature is read already. */
  public *read(): TSteps<void> {
    const { feed, locals } = this;
    const start = feed.at - 4;
    this.start = start;
    let signature = CENTRAL;
    while (signature === CENTRAL) {
      yield* this.entry();
      this.count += 1;
      signature = (yield* feed.take(4)).readUInt32LE(0);
    }
    if (locals.byOffset.size > 0) throw this.wrong('contains a file that its directory does not list');
    const size = feed.at - 4 - start;
    if (signature === END64) {
      yield* this.end64(start, size);
      signature = (yield* feed.take(4)).readUInt32LE(0);
      if (signature === END) yield* this.end(start, size, true);
    } else if (signature === END) {
      this.assertNoLocator();
      yield* this.end(start, size, false);
    }
    if (signature !== END) throw this.wrong('has an unknown record behind its directory');
    yield* feed.close();
  }

  private wrong(what: string): RegistryError {
    return invalid(`${this.rules.noun} ${what}`);
  }

  /**
   * Readers look for the zip64 end at a fixed distance before the end, whatever the end says. If a comment or an extra
   * field of the last entry were there, it could lead them to another directory.
   */
  private assertNoLocator(): void {
    const before = Buffer.concat(this.last).subarray(-LOCATOR64_LENGTH);
    if (before.readUInt32LE(0) === LOCATOR64) throw this.wrong('has another end in its last entry');
  }

  private *entry(): TSteps<void> {
    const { feed, rules, locals } = this;
    const { noun, names } = rules;
    const fixed = yield* feed.take(42);
    const version = fixed.readUInt8(2);
    if (version > MAX_VERSION) throw this.wrong(`contains a file that needs version ${version / 10} of the format`);
    // unpackers look at these flags, and ask for a password
    if (fixed.readUInt16LE(4) & REFUSED_FLAGS) throw this.wrong('contains an encrypted or a patched file');
    const raw = yield* feed.take(fixed.readUInt16LE(24));
    const extra = yield* feed.take(fixed.readUInt16LE(26));
    const { zip64, unicodePath } = readExtra(noun, extra);
    const comment = yield* feed.take(fixed.readUInt16LE(28));
    this.last = [fixed, raw, extra, comment];
    const [size, packedSize, offset] = withZip64(
      noun,
      [fixed.readUInt32LE(20), fixed.readUInt32LE(16), fixed.readUInt32LE(38)],
      zip64,
    ) as [number, number, number];
    const local = locals.byOffset.get(offset);
    if (!local) throw this.wrong('lists a file that is not there');
    const { header, path } = local;
    const name = readName(noun, raw, { flags: fixed.readUInt16LE(4), unicodePath, names });
    const agrees =
      raw.toString('latin1') === header.rawName &&
      name === header.name &&
      marksAgree(header.rawName, fixed.readUInt16LE(4), header.flags) &&
      fixed.readUInt16LE(6) === header.method &&
      fixed.readUInt32LE(12) === header.crc &&
      packedSize === header.packedSize &&
      size === header.size;
    if (!agrees) throw this.wrong(`describes ${header.name} in two ways`);
    // each file is listed once
    locals.byOffset.delete(offset);
    this.entries.set(path, { path, kind: this.kindOf(local, fixed.readUInt32LE(34)), size });
  }

  private kindOf({ isDirectory, header }: IZipLocal, attributes: number): IZipEntry['kind'] {
    const kind = KIND_OF_TYPE.get((attributes >>> 16) & FILE_TYPE);
    if (!kind) throw this.wrong(`contains ${header.name}, which is no file, folder or link`);
    if (kind === 'link' && (isDirectory || this.rules.links === 'refuse')) throw this.wrong('contains a link');
    return isDirectory ? 'directory' : kind === 'link' ? 'link' : 'file';
  }

  private *end64(start: number, size: number): TSteps<void> {
    const { feed } = this;
    const { noun } = this.rules;
    const at = feed.at - 4;
    const record = yield* feed.take(52);
    const locator = yield* feed.take(LOCATOR64_LENGTH);
    const number = (bytes: Buffer, from: number) => readUint64(noun, bytes, from);
    const isRight =
      number(record, 0) === 44 && // more would be a field that only some readers know
      record.readUInt32LE(12) === 0 &&
      record.readUInt32LE(16) === 0 &&
      number(record, 20) === this.count &&
      number(record, 28) === this.count &&
      number(record, 36) === size &&
      number(record, 44) === start &&
      locator.readUInt32LE(0) === LOCATOR64 &&
      locator.readUInt32LE(4) === 0 &&
      number(locator, 8) === at &&
      locator.readUInt32LE(16) <= 1; // disks; some writers leave it zero
    if (!isRight) throw this.wrong('has a wrong zip64 end');
  }

  private *end(start: number, size: number, mayPoint: boolean): TSteps<void> {
    const { feed } = this;
    this.endsAt = feed.at - 4;
    const record = yield* feed.take(18);
    const comment = yield* feed.take(record.readUInt16LE(16));
    const is = (value: number, real: number, elsewhere: number) => value === real || (mayPoint && value === elsewhere);
    const isRight =
      is(record.readUInt16LE(0), 0, 0xffff) &&
      is(record.readUInt16LE(2), 0, 0xffff) &&
      is(record.readUInt16LE(4), this.count, 0xffff) &&
      is(record.readUInt16LE(6), this.count, 0xffff) &&
      is(record.readUInt32LE(8), size, IN_ZIP64) &&
      is(record.readUInt32LE(12), start, IN_ZIP64);
    if (!isRight) throw this.wrong('has an end that does not fit its directory');
    // readers look for the end from the last byte backwards, and would find this one first; it may begin in the record
    if (Buffer.concat([record, comment]).includes(END_SIGNATURE)) throw this.wrong('has another end in its comment');
  }
}
