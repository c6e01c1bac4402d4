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

/** What a content store needs of `RegistryStorage`, bound to the caller whom hooks hear of. */
export interface IContentStorage {
  readonly store: IObjectStore;
  readonly logger: ILogger;
  readonly now: () => Date;
  /** whether there are hooks for writes and deletes */
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

/** The three folders of a content store: `{bytes}/{algorithm}/{hex}` and the same below the others. */
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
  /** the copy that it names: '' is the first one */
  copy: string;
  lastModified: Date;
  /** keys of the marks beside it: a collector is about to remove this link, or died when it was */
  marks: string[];
}
