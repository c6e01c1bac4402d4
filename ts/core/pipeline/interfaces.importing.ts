/** A file on the operator's disk. */
export interface IImportFile {
  /** the file's name without its folder */
  name: string;
  /**
   * the path below the folder that the operator named, with slashes; the name for a file that was named itself; for
   * protocols whose files say by their place what they are
   */
  path?: string;
  /** bytes */
  size: number;
  /** Reads the file anew, or the bytes from `start` to `end` (inclusive; default: the last one). */
  open(range?: { start: number; end?: number }): AsyncIterable<Uint8Array>;
}

/** The request by which a client would upload a file. */
export interface IOperatorRequest {
  method: string;
  /** the raw path inside the registry's mount, percent-encoded */
  path: string;
  headers?: Record<string, string>;
  query?: Record<string, string>;
  body?: unknown;
}

/** What is published in the place of a file: its content, other content, or nothing (also if that was deleted). */
export type TPublished = 'same' | 'other' | 'nothing';

/** A file whose package is known. */
export interface IImportItem {
  /** the name of the package; the files of one package are uploaded one after the other */
  packageName: string;
  /** the name that messages have, if `packageName` is another spelling of it */
  title?: string;
  version?: string;
  /** Makes the request. Called when no other file of the package is on its way, so it may read what is published. */
  request(): Promise<IOperatorRequest>;
  /**
   * Compares what is published with this file. Called before the request, and once more if the registry refuses that with
   * `alreadyExists`; without this function the refusal counts as `same`.
   */
  published?(): Promise<TPublished>;
}

/** How the files of a protocol are imported: each is uploaded through the protocol's own routes. */
export interface IImporter {
  /**
   * Whether a file with this name may be a package of this protocol.
   * @param path see `IImportFile`
   */
  accepts(fileName: string, path?: string): boolean;
  /** Reads the file for its name and version. @throws RegistryError `invalid` if it is not such a package */
  inspect(file: IImportFile): Promise<IImportItem>;
}
