import type { IArchiveLimits, TWanted } from '../interfaces.archives.js';

export interface IZipRules extends IArchiveLimits {
  /** every entry has to be this folder or lie in it; `true`: in one folder, whatever its name */
  topFolder?: string | true | undefined;
  /**
   * whether symbolic links are allowed; `inside`: those that stay in the one folder at the top, or in the archive.
   * Nothing may lie below one in any case, so that none is written through.
   */
  links: 'refuse' | 'inside' | 'allow';
  /**
   * `utf8`: names that are not ASCII have to be UTF-8 and marked so, as all of Python's tools write them. `any`: other
   * names are read as UTF-8 if they are (macOS does not mark them), and as Latin-1 if not (7-Zip writes old code pages).
   */
  names: 'utf8' | 'any';
  /**
   * whether the content of every file is unpacked and compared with its header; else only that of the wanted files is,
   * and the archive is believed the rest
   */
  unpacks: 'all' | 'wanted';
  /** called once for each file, before its content */
  wanted: TWanted;
}

export interface IZipEntry {
  /** without empty and `.` segments */
  path: string;
  kind: 'file' | 'directory' | 'link';
  /** bytes, unpacked; for files that were not unpacked, as the archive says */
  size: number;
}

export interface IZipFacts {
  /** by path, in the order of the central directory */
  entries: Map<string, IZipEntry>;
  /** path -> content of the wanted files */
  texts: Map<string, Buffer>;
  /** bytes of all files */
  unpackedSize: number;
  /** the one folder that everything lies in; undefined if there are several, or a file beside it */
  topFolder: string | undefined;
}

/** What one header says about a file; the local and the central one have to agree. */
export interface IZipHeader {
  /** its bytes as Latin-1 */
  rawName: string;
  /** as unpackers read the name */
  name: string;
  flags: number;
  /** 0 = stored, 8 = deflated */
  method: number;
  crc: number;
  /** bytes */
  packedSize: number;
  /** bytes */
  size: number;
}

export interface IZipFile {
  path: string;
  /** its sizes may stand behind the content, and are not known before */
  header: IZipHeader;
}

/** A file's content as it lies in the archive. */
export interface IZipKept extends IZipFile {
  packed: Buffer;
}
