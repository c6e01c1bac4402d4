import { invalid } from '../../base/helpers.errors.js';
import { LOCATOR64, LOCATOR64_LENGTH } from './helpers.zipfields.js';

/** bytes; libzip looks for an end in so many of the last ones: with the longest comment, and the locator before the end */
const SEARCHED = 65_535 + 22 + LOCATOR64_LENGTH;
const END_LENGTH = 22;
const END = Buffer.from('PK\x05\x06');
/** what an end leads to: a directory, or a zip64 end */
const TARGETS = [Buffer.from('PK\x01\x02'), Buffer.from('PK\x06\x06')];
const SIGNATURE_LENGTH = 4;
/** of an archive with more, nothing is known */
const MAX_TARGETS = 200_000;

/**
 * Finds ends of a zip beside the real one. libzip (and so PHP) takes any of the last 64 KiB that leads to a directory,
 * and compares what it finds in ways that its maker can win. The end of an archive in an archive leads nowhere, because
 * its offsets are those in the inner archive.
 */
export class OtherEnds {
  /** the last bytes, and some before them */
  private readonly last = Buffer.allocUnsafe(2 * SEARCHED);
  private used = 0;
  private at = 0;
  private readonly targets = new Set<number>();

  /** @param isDirectory whether these are bytes of the directory or behind it; any end that leads there is a wrong one */
  public add(bytes: Uint8Array, isDirectory: boolean): void {
    for (let from = 0; from < bytes.byteLength; from += SEARCHED) {
      const count = this.append(bytes.subarray(from, from + SEARCHED));
      if (!isDirectory) this.findTargets(count);
    }
  }

  /**
   * Throws `invalid` if there is another end that leads to a directory.
   * @param directory where the real directory begins
   * @param end where the real end begins
   */
  public check(noun: string, directory: number, end: number): void {
    const { last, used, at } = this;
    const begin = at - used;
    for (
      let found = last.indexOf(END, Math.max(0, used - SEARCHED));
      found >= 0;
      found = last.indexOf(END, found + 1)
    ) {
      if (begin + found >= end || found + END_LENGTH > used) return;
      const isWrong = this.targetsOf(found).some((target) => {
        // an inner archive is smaller than what lies before the directory
        if (target >= directory) return target < end;
        return this.targets.has(target) || this.targets.size >= MAX_TARGETS;
      });
      if (isWrong) throw invalid(`${noun} has another end, which leads to another directory`);
    }
  }

  private append(bytes: Uint8Array): number {
    const { last } = this;
    if (this.used + bytes.byteLength > last.length) {
      last.copyWithin(0, this.used - SEARCHED, this.used);
      this.used = SEARCHED;
    }
    last.set(bytes, this.used);
    this.used += bytes.byteLength;
    this.at += bytes.byteLength;
    return bytes.byteLength;
  }

  /** Remembers where something begins that an end could lead to, in the last `count` bytes. */
  private findTargets(count: number): void {
    const { targets, used, at } = this;
    const seen = this.last.subarray(0, used);
    const from = Math.max(0, used - count - SIGNATURE_LENGTH + 1);
    for (const signature of TARGETS) {
      for (let found = seen.indexOf(signature, from); found >= 0; found = seen.indexOf(signature, found + 1)) {
        if (targets.size >= MAX_TARGETS) return;
        targets.add(at - used + found);
      }
    }
  }

  /** Where the end at this place of `last` says that its directory is, or its zip64 end. */
  private targetsOf(end: number): number[] {
    const { last } = this;
    const locator = end - LOCATOR64_LENGTH;
    const directory = last.readUInt32LE(end + 16);
    if (locator < 0 || last.readUInt32LE(locator) !== LOCATOR64) return [directory];
    return [directory, Number(last.readBigUInt64LE(locator + 8))];
  }
}
