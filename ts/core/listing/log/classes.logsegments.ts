import * as plugins from '../../../plugins.js';
import { forEachAtOnce } from '../../base/helpers.concurrency.js';
import { streamToBuffer } from '../../base/helpers.streams.js';
import type { RegistryStorage } from '../../classes.registrystorage.js';
import { olderThan } from '../../storage/upkeep/helpers.sweep.js';
import { isDamage } from '../helpers.rows.js';
import type { ILogSegment } from './helpers.loghead.js';

/** Objects that are deleted at the same time. */
const WIDTH = 16;

/** A key for the head beside the usual one, in the folder of the segments. */
export const spareHeadKey = (prefix: string, number: number): string => `${prefix}head-${number}`;

/** The stored segments of a log: objects that are written once, under keys that are unique to their write. */
export class LogSegments {
  constructor(
    private readonly storage: RegistryStorage,
    /** with a trailing slash */
    private readonly prefix: string,
  ) {}

  /** The content of a segment; null if it is missing or damaged. Throws if the store fails. */
  public async read({ id, size, sha256 }: ILogSegment): Promise<Buffer | null> {
    const key = this.keyOf(id);
    try {
      const found = await this.storage.store.get(key);
      if (!found || found === 'notModified') return null;
      const bytes = await streamToBuffer(found.body);
      if (bytes.byteLength === size && digestOf(bytes) === sha256) return bytes;
      throw new SyntaxError('The content is another one');
    } catch (error) {
      if (!isDamage(error)) throw error;
      this.storage.logger.error('A segment of a log is damaged', { key, error: String(error) });
      return null;
    }
  }

  public async write(bytes: Buffer, records: number): Promise<ILogSegment> {
    const id = plugins.crypto.randomUUID();
    const { store } = this.storage;
    const ifNoneMatch = store.conditionalWrites ? ('*' as const) : undefined;
    await store.put(this.keyOf(id), bytes, { contentType: 'text/plain', immutable: true, ifNoneMatch });
    return { id, records, size: bytes.byteLength, sha256: digestOf(bytes) };
  }

  /** Removes segments that the head does not name. If a reader misses one, it reads the head again. */
  public async drop(segments: readonly ILogSegment[]): Promise<void> {
    await forEachAtOnce(segments, WIDTH, ({ id }) => this.storage.store.delete(this.keyOf(id), { repeatable: true }));
  }

  /**
   * Removes segments older than this that are not named: the remains of a process that ended half-way.
   * @param named is called after the segments were listed; null: it is not known
   */
  public async sweep(olderThanMs: number, named: () => Promise<readonly ILogSegment[] | null>): Promise<number> {
    const { store, now } = this.storage;
    const old: string[] = [];
    for await (const { key } of olderThan(store, this.prefix, now().getTime() - olderThanMs)) old.push(key);
    const segments = old.length > 0 ? await named() : null;
    if (!segments) return 0;
    const kept = new Set(segments.map(({ id }) => this.keyOf(id)));
    const heads = spareHeadKey(this.prefix, 0).slice(0, -1);
    const orphans = old.filter((key) => !kept.has(key) && !key.startsWith(heads));
    await forEachAtOnce(orphans, WIDTH, (key) => store.delete(key, { repeatable: true }));
    return orphans.length;
  }

  private keyOf(id: string): string {
    return `${this.prefix}${id}`;
  }
}

const digestOf = (bytes: Buffer): string => plugins.crypto.createHash('sha256').update(bytes).digest('hex');
