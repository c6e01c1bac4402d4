import type { ICodec } from '../../storage/interfaces.storage.js';
import type { IPackageCatalogOptions } from '../interfaces.listing.js';

/** One change of a package: its number among the changes of this package, and its line without the name. */
export interface ILogChange {
  /** counts from 1 and only grows, also if the package is deleted and published again */
  readonly serial: number;
  /** without line breaks; if it is empty, only the number is recorded and readers see no line */
  readonly text: string;
}

/** The lines of a log; each begins with the name of its package and a space. */
export interface IOrderedLogFormat<TDoc> {
  /**
   * The text before the first line.
   * @param created ISO time in whole seconds, when this base of the log was made
   */
  head(created: string): string;
  /** All changes of a package, in the order of their serials. */
  changes(document: TDoc): readonly ILogChange[];
  /** One line that stands for all changes so far, with the serial of the last one. */
  base(document: TDoc): ILogChange;
}

/** Where an ordered log is stored, and what it is made of. */
export interface IOrderedLogOptions<TDoc> extends Required<Pick<IPackageCatalogOptions<TDoc, TDoc>, 'documents'>> {
  /** key of its head */
  headKey: string;
  /** folder of its segments, with a trailing slash */
  segments: string;
  /** The key of the document of a package. */
  documentKey(name: string): string;
  codec?: ICodec<TDoc> | undefined;
  format: IOrderedLogFormat<TDoc>;
}

/** The log at one moment; the bytes never change. */
export interface ILogSnapshot {
  /** another one after each rebuild; within a generation the log only grows */
  readonly generation: string;
  readonly bytes: Buffer;
  /** of all bytes, in hex */
  readonly md5: string;
  /** of all bytes, in hex */
  readonly sha256: string;
  /** the bytes before the first line */
  readonly headSize: number;
  /** when its stored head was last written */
  readonly lastModified: Date;
}
