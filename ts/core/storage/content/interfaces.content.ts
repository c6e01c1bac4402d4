import type { ILogger } from '../../interfaces.core.js';
import type {
  IListOptions,
  IObjectInfo,
  IObjectPrefix,
  IObjectStore,
} from '../../objectstore/interfaces.objectstore.js';
import type { IHookSubject } from '../hooks/classes.hookrunner.js';
import type {
  IStoredDocument,
  IUpdateOptions,
  IUpdateResult,
  THashName,
  TUpdateFunction,
} from '../interfaces.storage.js';

/** What a content store needs of `RegistryStorage`, bound to the caller that hooks get. */
export interface IContentStorage {
  readonly store: IObjectStore;
  readonly logger: ILogger;
  readonly now: () => Date;
  /** whether there are hooks for writes or deletes */
  readonly watchesWrites: boolean;
  head(key: string): Promise<IObjectInfo | null>;
  list(options: IListOptions): AsyncIterable<IObjectInfo | IObjectPrefix>;
  read<T>(key: string): Promise<IStoredDocument<T> | null>;
  update<T>(key: string, fn: TUpdateFunction<T>, options?: IUpdateOptions<T>): Promise<IUpdateResult<T>>;
  ask(name: 'beforePut' | 'beforeDelete', subject: IHookSubject): Promise<void>;
  tell(name: 'afterPut' | 'afterDelete' | 'afterAbort', subject: IHookSubject): Promise<void>;
}

export interface IContentDigest {
  algorithm: THashName;
  hex: string;
  /** `<algorithm>:<hex>` */
  text: string;
}

/** The three folders of a content store. The layout in each is `{folder}/{algorithm}/{hex}`. */
export interface IContentFolders {
  /** the copies of the content */
  bytes: string;
  /** the guards: which copy is the current one */
  guards: string;
  /** which owner has which content */
  links: string;
}

/** One link object. */
export interface ILink {
  key: string;
  owner: string;
  /** the copy that the link names: '' is the first one */
  copy: string;
  lastModified: Date;
  /** keys of the marks beside the link: a collector is about to remove it, or died while doing so */
  marks: string[];
}
