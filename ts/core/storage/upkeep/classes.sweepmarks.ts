import { HASH_BYTES, HashSet, hashOf } from '../../base/classes.hashset.js';
import { Slices } from '../../base/helpers.slices.js';
import { streamToBuffer } from '../../base/helpers.streams.js';
import type { IObjectStore } from '../../objectstore/interfaces.objectstore.js';

/** marks for which there is room at first */
const FIRST_MARKS = 1024;
/** ms after which every package is checked again: a later release may find an orphan that an earlier one did not */
const FULL_EVERY_MS = 30 * 24 * 60 * 60 * 1000;
/** name of the metadata with the time of the last sweep that checked every package */
const FULL_SINCE = 'full-since';

/** Another one for each write of a document: the text that a scan returns, or a hash of it. */
export type TVersion = string | number;

/**
 * Remembers packages whose documents named all of their artifacts in a sweep, each as a hash of the document's version
 * and the artifacts' keys. As long as both are unchanged there is nothing to sweep, and the document need not be read:
 * on most days that is nearly every package.
 *
 * `registry/sweeps/{prefix}.marks` holds the marks one after another, 6 bytes each. Nothing depends on them: if the
 * object is lost, damaged, or written by two sweeps at once, documents are read once more. If two marks are equal by
 * chance (see `HashSet`), an orphan stays until its package changes, or until all packages are checked again.
 */
export class SweepMarks {
  private readonly key: string;
  private readonly known = new HashSet();
  private kept = Buffer.allocUnsafe(FIRST_MARKS * HASH_BYTES);
  private count = 0;
  /** whether a mark is kept that the last sweep did not leave */
  private isChanged = false;
  private fullSince: number;

  private constructor(
    private readonly store: IObjectStore,
    prefix: string,
    private readonly now: number,
  ) {
    this.key = `registry/sweeps/${prefix.replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '')}.marks`;
    this.fullSince = now;
  }

  /** The marks of the last sweep below this prefix. */
  public static async read(store: IObjectStore, prefix: string, now: number): Promise<SweepMarks> {
    const marks = new SweepMarks(store, prefix, now);
    const found = await store.get(marks.key);
    if (found && found !== 'notModified') {
      await marks.load(await streamToBuffer(found.body), Date.parse(found.info.metadata?.[FULL_SINCE] ?? ''));
    }
    return marks;
  }

  /** @param version of the document; undefined: it is not known, and nothing is remembered */
  public static markOf(version: TVersion | undefined, keys: readonly string[]): number | undefined {
    return version === undefined ? undefined : hashOf(JSON.stringify([version, keys]));
  }

  /** Whether an earlier sweep found nothing there. If so, that is remembered for the next sweep as well. */
  public has(mark: number | undefined): boolean {
    if (mark === undefined || !this.known.has(mark)) return false;
    this.keep(mark);
    return true;
  }

  public add(mark: number | undefined): void {
    if (mark === undefined) return;
    this.isChanged = true;
    this.keep(mark);
  }

  /** Stores the marks of this completed sweep for the next one. */
  public async write(): Promise<void> {
    const { known, kept, count, fullSince } = this;
    if (!this.isChanged && count === known.size) return;
    const bytes = kept.subarray(0, count * HASH_BYTES);
    const metadata = { [FULL_SINCE]: new Date(fullSince).toISOString() };
    await this.store.put(this.key, bytes, { contentType: 'application/octet-stream', metadata });
  }

  private keep(mark: number): void {
    const at = this.count++ * HASH_BYTES;
    if (at === this.kept.byteLength) this.kept = Buffer.concat([this.kept, Buffer.allocUnsafe(at)]);
    this.kept.writeUIntBE(mark, at, HASH_BYTES);
  }

  private async load(bytes: Buffer, fullSince: number): Promise<void> {
    const age = this.now - fullSince;
    if (Number.isNaN(age) || age < 0 || age > FULL_EVERY_MS || bytes.length % HASH_BYTES !== 0) return;
    this.fullSince = fullSince;
    const slices = new Slices();
    for (let at = 0; at < bytes.length; at += HASH_BYTES) {
      this.known.add(bytes.readUIntBE(at, HASH_BYTES));
      if (slices.due) await slices.rest();
    }
  }
}
