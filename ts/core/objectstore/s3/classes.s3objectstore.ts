import { cacheOf } from '../../base/helpers.caches.js';
import { RegistryError } from '../../classes.registryerror.js';
import type { ILogger } from '../../interfaces.core.js';
import type {
  IComposeOptions,
  IGetOptions,
  IListOptions,
  IObject,
  IObjectInfo,
  IObjectPrefix,
  IObjectStore,
  IPutOptions,
} from '../interfaces.objectstore.js';
import { compareFirst, KeyLocks } from './connection/classes.keylocks.js';
import { LoneWriter } from './connection/classes.lonewriter.js';
import { connect } from './connection/helpers.client.js';
import { unavailable } from './connection/helpers.errors.js';
import { checkKey } from './connection/helpers.keys.js';
import { type IS3Settings, readSettings } from './connection/helpers.settings.js';
import { openBucket, probe } from './connection/helpers.start.js';
import type { IS3Session } from './connection/interfaces.session.js';
import type { IS3StorageConfig } from './interfaces.s3config.js';
import { headObject, note } from './reading/helpers.head.js';
import { listObjects } from './reading/helpers.list.js';
import { getObject } from './reading/helpers.read.js';
import { type UploadBudget, uploadBudget } from './writing/classes.uploadbudget.js';
import { composeObjects } from './writing/helpers.compose.js';
import type { ITarget } from './writing/helpers.creation.js';
import { deleteObject, type IDeleteOptions } from './writing/helpers.delete.js';
import { putBytes } from './writing/helpers.put.js';
import { putStream } from './writing/helpers.stream.js';
import { abandonOldUploads } from './writing/helpers.unfinished.js';
import type { ICondition } from './writing/helpers.write.js';

export interface IS3StoreOptions {
  logger?: ILogger;
  /** ms for the server to begin its answer to a small request; default 30,000 */
  requestTimeoutMs?: number;
  /** ms without a byte, while the server is waited for, after which a download or upload is given up; default 60,000 */
  idleTimeoutMs?: number;
  /**
   * ms between two renewals of the claim to be the only replica, on servers without conditional writes; default 2,000
   */
  replicaBeatMs?: number;
  /** memory for uploads of unknown length; default: the budget of the process */
  uploadBudget?: UploadBudget;
}

const SILENT: ILogger = { info() {}, warn() {}, error() {} };
/** Cached keys, about 200 bytes each. */
const PRESENT = 10_000;
/** No upload takes this long. */
const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * `IObjectStore` on an S3 server. Nothing is loaded or connected before `init()`.
 *
 * Its rules:
 * - **Absent** is only what S3 itself calls `NoSuchKey`. A missing bucket, a refused credential and the 404 page of a
 *   load balancer are faults (helpers.head.ts).
 * - **Writes** are sent without the SDK's retries and have a write id in the object's metadata. If an answer is lost, a
 *   HEAD for that id decides: success, the same request once more, or `outcomeUnknown` (helpers.write.ts).
 *   `preconditionFailed` means that every attempt was certainly refused. A put without conditions may be applied late,
 *   so it is for keys that have one writer.
 * - **Deletes** are sent once. If the answer is lost and the object is still there: `outcomeUnknown`. Only `repeatable`
 *   deletes are sent again (helpers.delete.ts).
 * - **Streams** whose source fails leave nothing (classes.bytesource.ts, helpers.put.ts). Streams of unknown length
 *   share one memory budget (classes.uploadbudget.ts, helpers.parts.ts).
 * - **Bodies** end only after their last byte; a server that dies or stalls causes an error (helpers.body.ts).
 * - **Messages** to callers contain no S3 codes; the SDK's error is the cause, for the log (helpers.errors.ts).
 */
export class S3ObjectStore implements IObjectStore {
  private readonly settings: IS3Settings;
  private readonly locks = new KeyLocks();
  private session: IS3Session | undefined;
  private starting: Promise<void> | undefined;
  private alone: LoneWriter | undefined;

  /** Throws `invalid` with the name of the field if the configuration cannot work. */
  constructor(
    config: IS3StorageConfig,
    private readonly options: IS3StoreOptions = {},
  ) {
    this.settings = readSettings(config);
  }

  public get conditionalWrites(): boolean {
    return this.session?.abilities.put ?? false;
  }

  /**
   * Whether `delete` with `ifMatch` is atomic. AWS and versitygw compare and delete in one step. MinIO ignores the
   * condition, and deletes what another process writes between this driver's comparison and its delete.
   */
  public get conditionalDeletes(): boolean {
    return this.session?.abilities.delete ?? false;
  }

  /** Whether `compose`, and puts of more than one request, support conditions; if not, they throw `unsupported`. */
  public get conditionalJoins(): boolean {
    return this.session?.abilities.complete ?? false;
  }

  /**
   * Whether the server compares the ETag of a copy's source; if not, `compose` checks the sources again after copying.
   */
  public get conditionalCopies(): boolean {
    return this.session?.abilities.copy ?? false;
  }

  public init(): Promise<void> {
    this.starting ??= this.start().catch((error: unknown) => {
      this.starting = undefined;
      throw error;
    });
    return this.starting;
  }

  public async destroy(): Promise<void> {
    const { session, alone } = this;
    this.session = this.alone = this.starting = undefined;
    await alone?.release();
    session?.clients.close();
  }

  public async head(key: string): Promise<IObjectInfo | null> {
    return headObject(this.opened(key), key);
  }

  public async get(key: string, options?: IGetOptions): Promise<IObject | 'notModified' | null> {
    return getObject(this.opened(key), key, options);
  }

  public async put(
    key: string,
    body: Uint8Array | ReadableStream<Uint8Array>,
    options: IPutOptions = {},
  ): Promise<{ etag: string }> {
    const session = this.opened(key);
    const { ifMatch, ifNoneMatch, size } = options;
    return this.conditionally(session, key, { ifMatch, ifNoneMatch }, options, async (target) => {
      if (!(body instanceof Uint8Array)) return putStream(session, target, body, size);
      if (size !== undefined && size !== body.byteLength) {
        throw new RegistryError('invalid', `The body does not have the ${size} bytes that were announced`);
      }
      return putBytes(session, target, body);
    });
  }

  public async compose(target: string, parts: string[], options: IComposeOptions = {}): Promise<{ etag: string }> {
    const session = this.opened(target, ...parts);
    const { ifNoneMatch } = options;
    if (parts.length === 0) throw new RegistryError('invalid', 'There is nothing to join');
    return this.conditionally(session, target, { ifNoneMatch }, options, (at) =>
      composeObjects(session, at, parts, options),
    );
  }

  public async delete(key: string, options: IDeleteOptions = {}): Promise<void> {
    const session = this.opened(key);
    const work = () => {
      this.alone?.check();
      return deleteObject(session, key, options);
    };
    return session.abilities.delete ? work() : this.locks.run(key, work);
  }

  public list(options: IListOptions): AsyncIterable<IObjectInfo | IObjectPrefix> {
    return listObjects(this.opened(), options);
  }

  public async sweep(olderThanMs: number): Promise<number> {
    return abandonOldUploads(this.opened(), olderThanMs);
  }

  private async start(): Promise<void> {
    const { logger = SILENT, requestTimeoutMs = 30_000, idleTimeoutMs = 60_000, replicaBeatMs = 2_000 } = this.options;
    const session: IS3Session = {
      clients: await connect(this.settings),
      settings: this.settings,
      timing: { requestMs: requestTimeoutMs, idleMs: idleTimeoutMs },
      abilities: { put: false, complete: false, delete: false, copy: false },
      logger,
      present: cacheOf(PRESENT),
      budget: this.options.uploadBudget ?? uploadBudget,
    };
    try {
      await openBucket(session);
      session.abilities = await probe(session);
      await abandonOldUploads(session, DAY_MS);
      if (!session.abilities.put && !this.settings.allowUnconditionalWrites) {
        this.alone = await LoneWriter.claim(session, replicaBeatMs);
      }
    } catch (error) {
      session.clients.close();
      throw error;
    }
    if (!session.abilities.put) {
      logger.warn('This S3 server ignores conditional writes: run one replica of the registry only', {
        endpoint: this.settings.endpoint,
      });
    }
    this.session = session;
  }

  /** If the server ignores conditions, this makes them hold at least between the writers of this process. */
  private async conditionally(
    session: IS3Session,
    name: string,
    condition: ICondition,
    options: Pick<ITarget, 'contentType' | 'metadata' | 'signal'>,
    write: (target: ITarget) => Promise<{ etag: string }>,
  ): Promise<{ etag: string }> {
    const { contentType, metadata, signal } = options;
    const key = session.settings.prefix + name;
    const target: ITarget = { key, name, contentType, metadata, signal, condition };
    const written = async (to: ITarget) => {
      const result = await write(to);
      note(session, key, true);
      return result;
    };
    if (session.abilities.put && session.abilities.delete) return written(target);
    return this.locks.run(name, async () => {
      if (session.abilities.put) return written(target);
      this.alone?.check();
      await compareFirst((of) => headObject(session, of, signal), name, condition);
      return written({ ...target, condition: {} });
    });
  }

  private opened(...keys: string[]): IS3Session {
    if (!this.session) {
      throw unavailable('The storage is not open: init() was not called, or destroy() was');
    }
    keys.forEach(checkKey);
    return this.session;
  }
}
