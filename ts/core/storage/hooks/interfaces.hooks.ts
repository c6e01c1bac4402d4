import type { IRequestActor, TRegistryProtocol } from '../../interfaces.core.js';

/** What is known of the object at the time of the call. */
export interface IStorageHookMetadata {
  contentType?: string | undefined;
  /** bytes */
  size?: number | undefined;
  /** `<algorithm>:<hex>` */
  digest?: string | undefined;
  packageName?: string | undefined;
  version?: string | undefined;
  kind?: 'artifact' | 'document' | undefined;
}

/** What a hook is told of an operation. */
export interface IStorageHookContext {
  operation: 'put' | 'delete' | 'get';
  /** where the object lies, or is meant to lie */
  key: string;
  /** the key that the `before…` hook of the same write was told: an artifact may be put at another one in the end */
  askedKey: string;
  protocol: TRegistryProtocol;
  actor?: IRequestActor | undefined;
  timestamp: Date;
  metadata?: IStorageHookMetadata | undefined;
  /** `start`: before a body that is long, or of unknown length, is received; `commit`: everything about it is known */
  phase?: 'start' | 'commit' | undefined;
  /** the same in all calls of one write */
  operationId: string;
  /** `beforePut` in phase `commit`: the bytes of the artifact, for scanners; each call reads them anew */
  open?(): ReadableStream<Uint8Array>;
}

/** What a `before…` hook decides. */
export interface IHookVerdict {
  allowed: boolean;
  /** shown to the caller */
  reason?: string | undefined;
}

/**
 * A `before…` hook that returns `allowed: false`, throws, or takes longer than `limits.hookTimeoutMs` refuses the
 * operation. An `after…` hook that throws is logged; what it came after stands.
 */
export interface IStorageHooks {
  /** Before an artifact or document is written; may refuse it. */
  beforePut?(context: IStorageHookContext): Promise<IHookVerdict>;
  /** After an artifact or document was written. */
  afterPut?(context: IStorageHookContext): Promise<void>;
  /** Before an artifact or document is deleted; may refuse it. */
  beforeDelete?(context: IStorageHookContext): Promise<IHookVerdict>;
  /** After an artifact or document was deleted. */
  afterDelete?(context: IStorageHookContext): Promise<void>;
  /** Before an artifact or document is sent; may refuse it. */
  beforeGet?(context: IStorageHookContext): Promise<IHookVerdict>;
  /** After the sending of an artifact or document has begun. */
  afterGet?(context: IStorageHookContext): Promise<void>;
  /**
   * Something that `beforePut` or `beforeDelete` allowed did not happen: another hook refused, the write failed, or
   * there was nothing left to write. With phase `start`: the upload came to nothing before its commit, or it is one of
   * several pieces, whose commit is asked about anew. It is not called if it is not known whether the write was done.
   * For everything that was allowed, either this or the `after…` hook is called, once.
   */
  afterAbort?(context: IStorageHookContext): Promise<void>;
}
