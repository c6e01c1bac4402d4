import type { IRequestActor, TRegistryProtocol } from '../../interfaces.core.js';

/** What is known about the object when the hook is called. */
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
  /** the object's key, or the key that it is meant for */
  key: string;
  /**
   * the key that the first `before…` hook of this write and subject got: an upload may begin before its key is known, and
   * an artifact may be put at another key in the end
   */
  askedKey: string;
  protocol: TRegistryProtocol;
  actor?: IRequestActor | undefined;
  timestamp: Date;
  metadata?: IStorageHookMetadata | undefined;
  /** `start`: before a body that is long, or of unknown length, is received; `commit`: everything about it is known */
  phase?: 'start' | 'commit' | undefined;
  /** the same in all hook calls of one write */
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
 * If a `before…` hook returns `allowed: false`, throws, or takes longer than `limits.hookTimeoutMs`, the operation is
 * refused. If an `after…` hook throws, the error is logged and the operation stays done.
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
   * Called if something that `beforePut` or `beforeDelete` allowed was not done: another hook refused, the write
   * failed, or there was nothing left to write. With phase `start`: the upload was not used before its commit, or it is
   * one of several pieces, whose commit gets a `beforePut` of its own. Not called if it is unknown whether the write
   * was done. For each allowed subject, either this or the `after…` hook is called, once.
   */
  afterAbort?(context: IStorageHookContext): Promise<void>;
}
