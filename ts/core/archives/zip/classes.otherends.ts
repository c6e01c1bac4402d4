import { invalid } from '../../base/helpers.errors.js';
import { END_SIGNATURE, LOCATOR64, LOCATOR64_LENGTH } from './helpers.zipfields.js';

/** the last bytes of an archive in which libzip looks for an end: a locator, the end, and the longest comment behind it */
const SEARCHED = 65_535 + 22 + LOCATOR64_LENGTH;
const END_LENGTH = 22;
/** what an end leads to: a directory, or a zip64 end */
const TARGETS = [Buffer.from('PK\x01\x02'), Buffer.from('PK\x06\x06')];
/** bytes of an entry of a directory without its name, its extra field and its comment */
const ENTRY_LENGTH = 46;
/** of an archive with more, nothing is known */
const MAX_TARGETS = 200_000;

/**
 * Finds ends of a zip beside the real one. libzip (and so PHP) takes any of the last 64 KiB that leads to a directory,
 * and compares what it finds in ways that its maker can win. The end of an archive in an archive leads nowhere, because
 * its offsets are those in the inner archive; if one of them is by chance that of a directory, it has another length.
 */
export class OtherEnds {
  /** the last bytes, and some before them */
  private readonly last = Buffer.allocUnsafe(2 * SEARCHED);
  private used = 0;
  private at = 0;
  /** where a record begins: where the next one does, if it is an entry of a directory */
  private readonly targets = new Map<number, number>();
  /** up to where targets were searched */
  private searched = 0;
  /** entries that may be looked at: there can be as many ends as entries */
  private left = MAX_TARGETS;

  /** @param directory where the real directory begins, if it has begun: any end that leads there is a wrong one */
  public add(bytes: Uint8Array, directory = Number.POSITIVE_INFINITY): void {
    for (let from = 0; from < bytes.byteLength; from += SEARCHED) {
      this.append(bytes.subarray(from, from + SEARCHED));
      if (this.searched < directory) this.findTargets(directory);
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
      let found = last.indexOf(END_SIGNATURE, Math.max(0, used - SEARCHED));
      found >= 0;
      found = last.indexOf(END_SIGNATURE, found + 1)
    ) {
      if (begin + found >= end || found + END_LENGTH > used) return;
      const isWrong = this.leadsTo(found, directory, end);
      if (isWrong) throw invalid(`${noun} has another end, which leads to another directory`);
    }
  }

  private append(bytes: Uint8Array): void {
    const { last } = this;
    if (this.used + bytes.byteLength > last.length) {
      last.copyWithin(0, this.used - SEARCHED, this.used);
      this.used = SEARCHED;
    }
    last.set(bytes, this.used);
    this.used += bytes.byteLength;
    this.at += bytes.byteLength;
  }

  private findTargets(directory: number): void {
    const { targets, last, used, at } = this;
    const begin = at - used;
    const until = Math.min(used - ENTRY_LENGTH, directory - 1 - begin);
    const seen = last.subarray(0, used);
    const from = Math.max(0, this.searched - begin);
    for (const signature of TARGETS) {
      for (let found = seen.indexOf(signature, from); found >= 0; found = seen.indexOf(signature, found + 1)) {
        if (found > until || targets.size >= MAX_TARGETS) break;
        const more = seen.readUInt16LE(found + 28) + seen.readUInt16LE(found + 30) + seen.readUInt16LE(found + 32);
        targets.set(begin + found, begin + found + ENTRY_LENGTH + more);
      }
    }
    this.searched = Math.max(this.searched, begin + until + 1);
  }

  /** Whether the end at this place of `last` leads to a directory of the length that it says, or to a zip64 end. */
  private leadsTo(found: number, directory: number, end: number): boolean {
    const { last, targets } = this;
    const isUnknown = targets.size >= MAX_TARGETS;
    const isInReal = (target: number): boolean => target >= directory && target < end;
    const locator = found - LOCATOR64_LENGTH;
    if (locator >= 0 && last.readUInt32LE(locator) === LOCATOR64) {
      const end64 = Number(last.readBigUInt64LE(locator + 8));
      if (isInReal(end64) || targets.has(end64) || (isUnknown && end64 < directory)) return true;
    }
    const start = last.readUInt32LE(found + 16);
    if (isInReal(start)) return true;
    if (start >= end) return false;
    if (isUnknown) return true;
    const entries = last.readUInt16LE(found + 10);
    // an empty archive hides nothing
    if (entries === 0) return false;
    let next: number | undefined = start;
    for (let count = entries; count > 0; count--) {
      next = targets.get(next);
      if (next === undefined) return false;
      // nothing but that follows an entry up to the real directory
      if (isInReal(next) || this.left-- <= 0) return true;
    }
    return next === start + last.readUInt32LE(found + 12);
  }
}
