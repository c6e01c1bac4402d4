import type { IRequestActor, TRegistryProtocol } from '../interfaces.core.js';

/** What is known of the object at the time of the call. */
export interface IStorageHookMetadata {
  contentType?: string;
  /** bytes */
  size?: number;
  /** `<algorithm>:<hex>` */
  digest?: string;
  packageName?: string;
  version?: string;
  kind?: 'artifact' | 'document';
}

export interface IStorageHookContext {
  operation: 'put' | 'delete' | 'get';
  key: string;
  protocol: TRegistryProtocol;
  actor?: IRequestActor;
  timestamp: Date;
  metadata?: IStorageHookMetadata;
  /** `start`: before a body that is long, or of unknown length, is received; `commit`: everything about it is known */
  phase?: 'start' | 'commit';
}

export interface IHookVerdict {
  allowed: boolean;
  /** shown to the caller */
  reason?: string;
}

/**
 * A `before…` hook that answers `allowed: false`, throws, or does not answer within `limits.hookTimeoutMs` refuses the
 * operation, and nothing is left behind. An `after…` hook that throws is logged; what it came after stands.
 */
export interface IStorageHooks {
  beforePut?(context: IStorageHookContext): Promise<IHookVerdict>;
  afterPut?(context: IStorageHookContext): Promise<void>;
  beforeDelete?(context: IStorageHookContext): Promise<IHookVerdict>;
  afterDelete?(context: IStorageHookContext): Promise<void>;
  beforeGet?(context: IStorageHookContext): Promise<IHookVerdict>;
  afterGet?(context: IStorageHookContext): Promise<void>;
}
