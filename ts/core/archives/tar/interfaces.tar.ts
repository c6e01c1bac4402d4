import type { IArchiveLimits } from '../interfaces.archives.js';

export interface ITarRules extends IArchiveLimits {
  /** every entry has to be this folder or lie in it, e.g. `demo-1.0`; `true`: in one folder, whatever its name */
  topFolder?: string | true | undefined;
  /**
   * What happens to symbolic and hard links: `refuse` = any of them throws `invalid`; `inside` = those that lead out of
   * the top folder do; `any` = nothing is checked, for formats whose unpackers drop links.
   */
  links: 'refuse' | 'inside' | 'any';
  /**
   * Refuses what unpackers read in different ways: devices and unknown types, a size in a pax header, content behind
   * the end of the archive or of the gzip file, names with control characters.
   */
  strict: boolean;
  /**
   * With `strict`, in `inspectTarGz`: refuses a gzip file of several members (RFC 1952 section 2.2), for formats whose
   * unpackers read the first one only. Parallel packers write several.
   */
  oneMember?: boolean | undefined;
  /**
   * With `strict`, in `inspectTar`: refuses entries that get another name from a pax header or a GNU long name, for
   * archives whose unpackers look at the entry's own header only.
   */
  ownNames?: boolean | undefined;
}

/** An entry of a tar file while it passes by. */
export interface ITarEntry {
  /** without empty and `.` segments: `package/lib/index.js` */
  path: string;
  segments: readonly string[];
  kind: 'file' | 'directory' | 'link' | 'other';
  /** bytes, as the header says */
  size: number;
  /**
   * The content. Call it at most once, before the next entry is asked for; the content of an entry is skipped
   * otherwise. Throws `invalid` if there are more than `limit` bytes.
   */
  bytes(limit: number): Promise<Buffer>;
  /**
   * The content as it comes, for content that does not fit into memory. Call it instead of `bytes`, and read it to its
   * end: an iteration that is left early ends the whole archive.
   */
  content(): AsyncIterable<Uint8Array>;
}

/** Reads the entries in order. It has to reach the end, or to throw: its result is used only if the archive is sound. */
export type TTarVisitor<T> = (entries: AsyncIterable<ITarEntry>) => Promise<T>;

/** What `collectTexts` returns. */
export interface ITarTexts {
  /** path -> content of the wanted files */
  texts: Map<string, Buffer>;
  /** files, folders and links */
  entryCount: number;
  /** bytes of all files, unpacked */
  unpackedSize: number;
  /** the folder that the first entry lies in: that of all entries if the rules ask for one */
  topFolder: string | undefined;
}
