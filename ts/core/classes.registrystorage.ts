import * as plugins from '../plugins.js';
import { jsonCodec } from './base/helpers.codec.js';
import { RegistryError } from './classes.registryerror.js';
import type { ILogger } from './interfaces.core.js';
import type {
  IGetOptions,
  IListOptions,
  IObject,
  IObjectInfo,
  IObjectPrefix,
  IObjectStore,
} from './objectstore/interfaces.objectstore.js';
import { type IRegistryStorageOptions, type IRepairable, StorageParts } from './storage/classes.storageparts.js';
import { CommitRun } from './storage/commit/classes.commitrun.js';
import type { ICommitPlan, IPackageSweep } from './storage/commit/interfaces.plans.js';
import { listDocuments } from './storage/documents/helpers.listdocuments.js';
import type { IHookSubject } from './storage/hooks/classes.hookrunner.js';
import type { IStorageHookMetadata } from './storage/hooks/interfaces.hooks.js';
import type {
  ICodec,
  IStageOptions,
  IStorageOrigin,
  IStoredDocument,
  IUpdateOptions,
  IUpdateResult,
  TPresence,
  TUpdateFunction,
} from './storage/interfaces.storage.js';
import { PackageSweep } from './storage/upkeep/classes.packagesweep.js';
import { type IPendingOptions, PendingMarkers } from './storage/upkeep/classes.pending.js';
import { SweepParts, sweepStaging } from './storage/upkeep/helpers.sweep.js';
import { StagedObject, stageBody } from './storage/uploads/classes.stagedobject.js';

export type { IRegistryStorageOptions, IRepairable } from './storage/classes.storageparts.js';
export type * from './storage/commit/interfaces.plans.js';
export type * from './storage/interfaces.storage.js';
export { jsonCodec, StagedObject };

/** The origin for the registry's own work, which has no caller. */
const ITSELF: IStorageOrigin = { protocol: 'registry' };
const WRITE_HOOKS = ['beforePut', 'afterPut', 'beforeDelete', 'afterDelete', 'afterAbort'] as const;
const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * All data of the registry is stored through this class: documents with one method for read-modify-write, artifacts
 * with one commit protocol, hooks, limits. It works on any `IObjectStore`.
 *
 * Hooks run in `commit` and `stage` (see there), and in `open` and `headForGet` if the caller describes the object.
 * `read`, `update`, `head`, `delete` and `list` are internal and run none.
 */
export class RegistryStorage {
  private staged: Set<StagedObject> | undefined;
  private operationId: string | undefined;

  /**
   * `origin` and `parts` are for `for()`.
   * @internal
   */
  constructor(
    store: IObjectStore,
    options: IRegistryStorageOptions = {},
    private readonly origin: IStorageOrigin = ITSELF,
    private readonly parts: StorageParts = new StorageParts(store, options),
  ) {}

  public get store(): IObjectStore {
    return this.parts.store;
  }

  public get logger(): ILogger {
    return this.parts.logger;
  }

  /** Aborts when the storage is being destroyed: long work that no request waits for must end then. */
  public get closing(): AbortSignal {
    return this.parts.closing.signal;
  }

  /** Returns the present time; tests set it. */
  public get now(): () => Date {
    return this.parts.now;
  }

  /** A view of the same storage for one caller, which hooks get. It is cheap. */
  public for(origin: IStorageOrigin): RegistryStorage {
    return new RegistryStorage(this.store, {}, origin, this.parts);
  }

  /** Initialises the store, and warns if it cannot prevent two writers from overwriting each other. */
  public async init(): Promise<void> {
    await this.store.init?.();
    if (this.store.conditionalWrites) return;
    this.logger.warn('The object store ignores conditions on writes: run one replica only, two would lose updates');
  }

  /** Waits for work behind requests: notes in listings, folds, rebuilds. */
  public async settled(): Promise<void> {
    const { background } = this.parts;
    // work that ends may have started more
    while (background.size > 0) await Promise.all(background);
  }

  /** Aborts reads of all documents, waits for the rest of the work behind requests, and closes the store. */
  public async destroy(): Promise<void> {
    this.parts.closing.abort(new RegistryError('unavailable', 'The registry is being stopped'));
    await this.settled();
    await this.store.destroy?.();
  }

  /**
   * The object that is stored under the key now. Callers that come while a HEAD of the key is under way share the next
   * one, never one that began before they asked. Like `open` and `read`, it returns null for the tombstone of a deleted
   * document.
   */
  public head(key: string): Promise<IObjectInfo | null> {
    return this.parts.documents.head(key);
  }

  /**
   * Whether there is a document: `deleted` if there was one, `absent` if there never was. A deleted document is not
   * looked for elsewhere, because its name belongs to this registry.
   */
  public presence(key: string): Promise<TPresence> {
    return this.parts.documents.presence(key);
  }

  /** `head` for a caller that is about to get the content: runs `beforeGet` and, if the object exists, `afterGet`. */
  public async headForGet(key: string, about: IStorageHookMetadata): Promise<IObjectInfo | null> {
    const admitted = await this.admitGet(key, about);
    const info = await this.head(key);
    if (info) admitted();
    return info;
  }

  /** Whether there are hooks for reads. */
  public get watchesGets(): boolean {
    const { hooks } = this.parts;
    return hooks.has('beforeGet') || hooks.has('afterGet');
  }

  /** Whether there are hooks for writes or deletes, so that their subjects must be computed. */
  public get watchesWrites(): boolean {
    const { hooks } = this.parts;
    return WRITE_HOOKS.some((name) => hooks.has(name));
  }

  /** Calls `beforeGet` for a caller that is about to get content. The returned function starts `afterGet`. */
  public async admitGet(key: string, about: IStorageHookMetadata): Promise<() => void> {
    const { hooks } = this.parts;
    await hooks.ask('beforeGet', this.origin, { key, metadata: about });
    return () => hooks.tellLater('afterGet', this.origin, { key, metadata: about });
  }

  /**
   * Asks a `before…` hook about content that is written or deleted without `commit`; see `AskedHooks`.
   * @internal
   */
  public ask(name: 'beforePut' | 'beforeDelete', subject: IHookSubject): Promise<void> {
    return this.parts.hooks.ask(name, this.operation, subject);
  }

  /**
   * Waits for an `after…` hook; never rejects.
   * @internal
   */
  public tell(name: 'afterPut' | 'afterDelete' | 'afterAbort', subject: IHookSubject): Promise<void> {
    return this.parts.hooks.tell(name, this.operation, subject);
  }

  /**
   * The object with its body. With `about`, `beforeGet` may refuse it before the store is asked (`forbidden`), and
   * `afterGet` is started (not awaited) when the store has returned an object.
   */
  public async open(
    key: string,
    options: IGetOptions = {},
    about?: IStorageHookMetadata,
  ): Promise<IObject | 'notModified' | null> {
    const { hooks, documents } = this.parts;
    const signal = options.signal ?? this.origin.signal;
    if (about) await hooks.ask('beforeGet', this.origin, { key, metadata: about });
    const found = await documents.open(key, { ...options, signal });
    if (about && found && found !== 'notModified') hooks.tellLater('afterGet', this.origin, { key, metadata: about });
    return found;
  }

  /**
   * A document, parsed once per ETag, deep-frozen, and revalidated against the store by `head` on each call: another
   * replica's write is seen at once. Throws `internal` where the stored bytes do not parse.
   */
  public read<T>(key: string, codec: ICodec<T> = jsonCodec as ICodec<T>): Promise<IStoredDocument<T> | null> {
    return this.parts.documents.read(key, codec);
  }

  /**
   * The only read-modify-write. Updates of one key that wait in this process go out in one conditional write, each `fn`
   * on the result of the one before; if one throws, only its caller gets the error. If a write loses to another
   * process, all of them run again. Returns the document as written, with all changes.
   *
   * Throws `unavailable` if the store fails, or if other writers kept winning for 30 s. If it is unknown whether the
   * write was done, the error is an `OutcomeUnknownError` (also `unavailable`); in all other cases it was not done.
   */
  public update<T>(key: string, fn: TUpdateFunction<T>, options: IUpdateOptions<T> = {}): Promise<IUpdateResult<T>> {
    return this.parts.updates.add(key, fn, options);
  }

  /**
   * Deletes the object without leaving a tombstone; the object need not exist. For keys that are unique to one write: a
   * document whose key may be written again is deleted by an `update` that returns null.
   */
  public delete(key: string): Promise<void> {
    return this.store.delete(key);
  }

  /** The objects themselves, tombstones of deleted documents included. */
  public list(options: IListOptions): AsyncIterable<IObjectInfo | IObjectPrefix> {
    return this.store.list(options);
  }

  /** The documents below a prefix, in key order, without the tombstones of deleted ones. */
  public listDocuments(options: Omit<IListOptions, 'delimiter'>): AsyncIterable<IObjectInfo> {
    return listDocuments(this.store, options);
  }

  /**
   * Receives a body: it is hashed, counted, and kept until `commit`. Up to 256 KiB (and bytes that are in memory
   * anyway) stay in memory, more goes to `staging/{yyyy-mm-dd}/{uuid}`. A source that fails, or is too long
   * (`tooLarge`), or has another length than announced (`invalid`) leaves nothing.
   *
   * With `about`, a body that is a stream of unknown length, or known not to fit in memory, is announced to `beforePut`
   * once with phase `start` before its first byte is read (kind `artifact`, `size` if known). If it is not used,
   * `afterAbort` is called with phase `start`.
   */
  public async stage(
    body: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array> | Uint8Array,
    options: IStageOptions,
  ): Promise<StagedObject> {
    const staged = await stageBody(this.parts, this.operation, body, options);
    if (this.origin !== ITSELF) {
      this.staged ??= new Set();
      this.staged.add(staged);
    }
    return staged;
  }

  /** Discards staged objects of this view (see `for`) that were not used. Called at the end of every call. */
  public async release(): Promise<void> {
    const left = this.staged ?? [];
    this.staged = undefined;
    for (const staged of left) {
      await staged.discard().catch((error: unknown) => {
        this.logger.warn('A staged upload could not be removed; a sweep will remove it', { error: String(error) });
      });
    }
  }

  /** The origin with the operation id of this view's next commit, for its hooks. */
  private get operation(): IStorageOrigin {
    if (this.origin === ITSELF) return this.origin;
    this.operationId ??= plugins.crypto.randomUUID();
    return { ...this.origin, operationId: this.operationId };
  }

  /**
   * The commit protocol: packages are published, changed and removed only by this. Its steps: a dry run of `apply` on
   * the current document, so that an early refusal costs nothing; `beforePut` once for each artifact in the order of
   * the plan, `beforeDelete` once for each key to drop, then one hook for the document (`beforeDelete` in a removal,
   * else `beforePut`); artifacts are put at their keys, and meanwhile the marker is stored; `update(document)`, which
   * alone decides; the catalog entry is stored, then the marker is removed (both a moment later if others write too);
   * dropped artifacts are deleted; `after…` hooks in the same order, awaited; staged objects are removed. Readers rely
   * on documents only, so they see nothing before the commit.
   *
   * An artifact is stored at its layout key, or at `<key>.<write id>` if that one is taken or somebody has tried to
   * delete it. Each hook is called once, never again for retries. An error before the commit leaves at most an orphan
   * at a layout key, which a sweep removes. If it is unknown whether the commit happened (`OutcomeUnknownError`),
   * nothing is deleted. A failure after the commit is logged and repaired later; the write stays done. Staged objects
   * are spent in any case. Returns the document as written, with all changes.
   */
  public async commit<T>(plan: ICommitPlan<T>): Promise<T | null> {
    const { operation } = this;
    this.operationId = undefined;
    return new CommitRun(this.parts, plan, operation).run();
  }

  /**
   * Deletes staged uploads older than `olderThanMs` (default 24 h) and leftovers of broken writes in the store itself,
   * and repairs listings from their markers. If one of these fails, the others are still done; the first error is
   * thrown at the end.
   */
  public async sweep(
    options: { olderThanMs?: number; signal?: AbortSignal } = {},
  ): Promise<{ staged: number; unfinished: number; repaired: number }> {
    const { olderThanMs = DAY_MS, signal } = options;
    const parts = new SweepParts(signal);
    const staged = await parts.run(() => sweepStaging(this.parts, olderThanMs, signal));
    const unfinished = await parts.run(async () => (await this.store.sweep?.(olderThanMs)) ?? 0);
    let repaired = 0;
    for (const listing of this.parts.listings) {
      repaired += await parts.run(() =>
        listing.repair(Math.min(olderThanMs, 20_000), Math.min(olderThanMs, 15 * 60_000)),
      );
      await parts.run(async () => (await listing.sweep?.(olderThanMs)) ?? 0);
    }
    parts.throwFirstFailure();
    return { staged, unfinished, repaired };
  }

  /** Deletes artifacts that no document names, package by package. Returns how many. */
  public sweepPackages<T>(sweep: IPackageSweep<T>): Promise<number> {
    return new PackageSweep(this.parts, sweep).run();
  }

  /**
   * Markers of writes under way, from which derived state is repaired; see `PendingMarkers`.
   * @internal
   */
  public pendingMarkers<TSubject, TTruth>(
    options: IPendingOptions<TSubject, TTruth>,
  ): PendingMarkers<TSubject, TTruth> {
    return new PendingMarkers(this.parts, options);
  }

  /** Makes `sweep` repair this listing too. */
  public enlist(listing: IRepairable): void {
    this.parts.listings.add(listing);
  }

  /** Runs work that no request waits for. `destroy` waits for it, and its failures are logged. */
  public runBehind(what: string, work: Promise<unknown>): void {
    const guarded: Promise<void> = work.then(
      () => {},
      (error: unknown) => {
        if (error === this.closing.reason) return;
        this.logger.warn(`${what} failed and will be tried again`, { error: String(error) });
      },
    );
    this.parts.background.add(guarded);
    void guarded.then(() => this.parts.background.delete(guarded));
  }
}
