import { Turns } from '../base/helpers.slices.js';
import type { ILimits, ILogger } from '../interfaces.core.js';
import type { IObjectStore } from '../objectstore/interfaces.objectstore.js';
import type { ICommitParts } from './commit/classes.commitrun.js';
import { DocumentCache } from './documents/classes.documentcache.js';
import { UpdateQueue } from './documents/classes.updatequeue.js';
import { HookRunner } from './hooks/classes.hookrunner.js';
import type { IStorageHooks } from './hooks/interfaces.hooks.js';

export interface IRegistryStorageOptions {
  hooks?: IStorageHooks;
  /** default: nothing is logged */
  logger?: ILogger;
  limits?: ILimits;
  now?: () => Date;
}

/** A listing that `sweep` repairs; `PackageCatalog` enlists itself. */
export interface IRepairable {
  repair(olderThanMs: number, forgetAfterMs?: number): Promise<number>;
  /** Removes objects that nothing needs any more and that are older than this. */
  sweep?(olderThanMs: number): Promise<number>;
}

const SILENT: ILogger = { info: () => {}, warn: () => {}, error: () => {} };
const MIB = 1024 * 1024;

/** The state that all views of one storage share. */
export class StorageParts implements ICommitParts {
  public readonly logger: ILogger;
  public readonly now: () => Date;
  public readonly maxArtifactSize: number;
  public readonly documents: DocumentCache;
  public readonly updates: UpdateQueue;
  public readonly hooks: HookRunner;
  public readonly reserved = new Set<string>();
  public readonly turns = new Turns();
  public readonly listings = new Set<IRepairable>();
  public readonly background = new Set<Promise<void>>();
  /** aborts when the storage is being destroyed */
  public readonly closing = new AbortController();

  constructor(
    public readonly store: IObjectStore,
    options: IRegistryStorageOptions,
  ) {
    const { limits = {} } = options;
    this.logger = options.logger ?? SILENT;
    this.now = options.now ?? (() => new Date());
    this.maxArtifactSize = limits.maxArtifactSize ?? 10 * 1024 * MIB;
    this.documents = new DocumentCache(store, limits.metadataCacheSize ?? 64 * MIB);
    this.updates = new UpdateQueue(store, this.documents);
    this.hooks = new HookRunner(options.hooks ?? {}, {
      timeoutMs: limits.hookTimeoutMs ?? 30_000,
      logger: this.logger,
      now: this.now,
    });
  }
}
