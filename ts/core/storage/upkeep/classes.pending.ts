import * as plugins from '../../../plugins.js';
import { streamToJson } from '../../base/helpers.streams.js';
import type { ILogger } from '../../interfaces.core.js';
import type { IObjectStore } from '../../objectstore/interfaces.objectstore.js';

/** The source of truth and the state that follows it; see `PendingMarkers`. */
export interface IPendingOptions<TSubject, TTruth> {
  /** folder of the markers, without a trailing slash */
  prefix: string;
  /** name of the derived state, for the log, e.g. `A package listing` */
  what: string;
  /** Returns what the subject's source of truth holds now. */
  look(subject: TSubject): Promise<TTruth>;
  /** Makes the derived state match. Returns whether it had to be changed. */
  follow(subject: TSubject, truth: TTruth): Promise<boolean>;
  isSame(one: TTruth, other: TTruth): boolean;
  /** The subject as part of the marker's key, without `/` and `=`, if that is possible; then the marker is empty. */
  label?(subject: TSubject): string | undefined;
  /** Converts such a label back into the subject. */
  labelled?(label: string): TSubject;
}

export interface IPendingParts {
  store: IObjectStore;
  logger: ILogger;
  now: () => Date;
}

/** ms after which a marker is deleted: 15 minutes, in which a writer gets from its marker to its commit. */
const FORGET_AFTER_MS = 15 * 60_000;

/**
 * Keeps derived state (a listing, a list of referrers) in step with a source of truth (a document, a manifest), even if
 * a process dies in between:
 *
 *     mark      a marker names the subject, before its source of truth is changed
 *     (commit)  the source of truth is changed, or not
 *     update    the derived state is brought up to date
 *     unmark    the marker is removed
 *
 * Any replica that finds an old marker brings the derived state of its subject up to date. A marker's key is unique to
 * its write (a UUID), so a delete that arrives late removes no other marker.
 */
export class PendingMarkers<TSubject, TTruth> {
  constructor(
    private readonly parts: IPendingParts,
    private readonly options: IPendingOptions<TSubject, TTruth>,
  ) {}

  /** Stores a marker. The id, for `unmark`, is the last segment of its key. */
  public async mark(subject: TSubject): Promise<string> {
    const uuid = plugins.crypto.randomUUID();
    const label = this.options.label?.(subject);
    const id = label === undefined ? uuid : `${label}=${uuid}`;
    const bytes = Buffer.from(JSON.stringify(label === undefined ? subject : {}));
    const { store } = this.parts;
    // the key is unique to this write; the condition saves the driver a look at it
    const ifNoneMatch = store.conditionalWrites ? ('*' as const) : undefined;
    const options = { contentType: 'application/json', immutable: true, shareable: label !== undefined, ifNoneMatch };
    try {
      await store.put(this.keyOf(id), bytes, options);
    } catch (error) {
      // the marker may exist, but is not needed; if it stays, `repair` removes it
      await this.unmark(id).catch((failure: unknown) => {
        this.parts.logger.debug?.('A marker may have been left behind', { id, error: String(failure) });
      });
      throw error;
    }
    return id;
  }

  public unmark(id: string): Promise<void> {
    // if a loss of power brings a marker back, it is repaired once more, which changes nothing
    return this.parts.store.delete(this.keyOf(id), { repeatable: true });
  }

  /**
   * Makes the derived state match the truth. The truth may change between our look and our write, and its writer may
   * have changed the derived state before us; so this looks again until both match. Returns whether anything was
   * changed.
   */
  public async bringUpToDate(subject: TSubject): Promise<boolean> {
    const { look, follow, isSame } = this.options;
    let changed = false;
    let truth = await look(subject);
    for (;;) {
      changed = (await follow(subject, truth)) || changed;
      const now = await look(subject);
      if (isSame(truth, now)) return changed;
      truth = now;
    }
  }

  /**
   * Runs `work`, which may change the truth, and then brings the derived state up to date, also if `work` failed
   * half-way. If that fails, the marker stays and any replica repairs from it.
   */
  public async during<T>(subject: TSubject, work: () => Promise<T>): Promise<T> {
    const id = await this.mark(subject);
    try {
      return await work();
    } finally {
      try {
        await this.bringUpToDate(subject);
        await this.unmark(id);
      } catch (error) {
        this.parts.logger.warn(`${this.options.what} could not follow a write; it will be repaired`, {
          error: String(error),
        });
      }
    }
  }

  /**
   * Brings the derived state of markers older than `olderThanMs` up to date, and removes markers older than
   * `forgetAfterMs`. Returns how many subjects had to be changed.
   */
  public async repair(olderThanMs: number, forgetAfterMs = FORGET_AFTER_MS): Promise<number> {
    const { store, logger, now } = this.parts;
    let repaired = 0;
    for await (const item of store.list({ prefix: `${this.options.prefix}/` })) {
      if (!('key' in item)) continue;
      const age = now().getTime() - item.lastModified.getTime();
      if (age < olderThanMs) continue;
      try {
        const subject = await this.subjectOf(item.key);
        if (subject !== undefined && (await this.bringUpToDate(subject))) repaired++;
        if (age >= forgetAfterMs) await store.delete(item.key, { repeatable: true });
      } catch (error) {
        // one marker that is damaged, or cannot be deleted, must not stop the repair of others
        logger.warn(`${this.options.what} could not be repaired`, { key: item.key, error: String(error) });
      }
    }
    return repaired;
  }

  private async subjectOf(key: string): Promise<TSubject | undefined> {
    const label = /([^/=]+)=[0-9a-f-]{36}$/.exec(key)?.[1];
    if (label !== undefined && this.options.labelled) return this.options.labelled(label);
    const found = await this.parts.store.get(key);
    // removed since it was listed: its writer has finished
    if (!found || found === 'notModified') return undefined;
    return streamToJson<TSubject>(found.body);
  }

  private keyOf(id: string): string {
    return `${this.options.prefix}/${id}`;
  }
}
