import { crypto } from '../../../plugins.js';
import { Slices } from '../../base/helpers.slices.js';
import { streamToBuffer } from '../../base/helpers.streams.js';
import type { IObjectStore } from '../../objectstore/interfaces.objectstore.js';

/** bytes of a mark: enough that two packages never share one by chance */
const MARK_BYTES = 16;
/** ms after which every package is checked again: a later release may find an orphan that an earlier one did not */
const FULL_EVERY_MS = 30 * 24 * 60 * 60 * 1000;
/** name of the metadata with the time of the last sweep that checked every package */
const FULL_SINCE = 'full-since';

/**
 * Remembers packages whose documents named all of their old artifacts in a sweep, each as a hash of the document's
 * version and the artifacts' keys. As long as both are unchanged there is nothing to sweep, and the document need not
 * be read: on most days that is nearly every package.
 *
 * `registry/sweeps/{prefix}.marks` holds the marks one after another. Nothing depends on them: if the object is lost,
 * damaged, or written by two sweeps at once, documents are read once more.
 */
export class SweepMarks {
  private readonly key: string;
  private readonly known = new Set<string>();
  private readonly kept: string[] = [];
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
  public static markOf(version: string | undefined, keys: readonly string[]): string | undefined {
    if (version === undefined) return undefined;
    const hash = crypto
      .createHash('sha256')
      .update(JSON.stringify([version, keys]))
      .digest();
    return hash.toString('latin1', 0, MARK_BYTES);
  }

  /** Whether an earlier sweep found nothing there. If so, that is remembered for the next sweep as well. */
  public has(mark: string | undefined): boolean {
    if (mark === undefined || !this.known.has(mark)) return false;
    this.kept.push(mark);
    return true;
  }

  public add(mark: string | undefined): void {
    if (mark !== undefined) this.kept.push(mark);
  }

  /** Stores the marks of this completed sweep for the next one. */
  public async write(): Promise<void> {
    const { known, kept, fullSince } = this;
    const isSame = kept.length === known.size && kept.every((mark) => known.has(mark));
    if (isSame) return;
    const bytes = Buffer.allocUnsafe(kept.length * MARK_BYTES);
    for (const [at, mark] of kept.entries()) bytes.write(mark, at * MARK_BYTES, 'latin1');
    const metadata = { [FULL_SINCE]: new Date(fullSince).toISOString() };
    await this.store.put(this.key, bytes, { contentType: 'application/octet-stream', metadata });
  }

  private async load(bytes: Buffer, fullSince: number): Promise<void> {
    const age = this.now - fullSince;
    if (Number.isNaN(age) || age < 0 || age > FULL_EVERY_MS || bytes.length % MARK_BYTES !== 0) return;
    this.fullSince = fullSince;
    const slices = new Slices();
    for (let at = 0; at < bytes.length; at += MARK_BYTES) {
      this.known.add(bytes.toString('latin1', at, at + MARK_BYTES));
      if (slices.due) await slices.rest();
    }
  }
}
