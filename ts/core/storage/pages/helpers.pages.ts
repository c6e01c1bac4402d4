import type { ICodec, IDocumentStamp } from '../../base/helpers.codec.js';

/** Marks a page that is to be replaced by several: it is never changed again. */
export interface ISeal {
  /** UUID; the pages that replace it are `<id>:<number>` */
  id: string;
  /** number of entries in each of them; the last one may have fewer */
  size: number;
}

/** Some of the entries of a paged document, or all of them. */
export interface IPage {
  /** sorted by their bytes */
  readonly names: readonly string[];
  readonly seal?: ISeal;
}

export interface IPageRef {
  /** entries from this name on are in the page; '' for the first page */
  readonly from: string;
  readonly id: string;
}

/** The pages of a document with many entries, in order. */
export interface IPageIndex {
  readonly pages: readonly IPageRef[];
}

export type TPaged<T extends IPage> = T | IPageIndex;

/** Describes one kind of paged document. */
export interface IPageKind<T extends IPage> {
  codec: ICodec<TPaged<T>>;
  /** a page without entries */
  none: T;
  /** these entries of the page, without its seal */
  slice(page: T, from: number, to?: number): T;
  /** maximum number of pages that are read at the same time */
  atOnce: number;
  /** Number of entries that fit on one page, if not all of `page` do; `before` is the page from before the change. */
  limit(page: T, before: T): number | undefined;
}

export const isPageIndex = <T extends IPage>(document: TPaged<T>): document is IPageIndex => 'pages' in document;

/** The index of `name`, or the index at which it would be inserted. */
export const positionOf = (names: readonly string[], name: string): number => {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((names[middle] as string) < name) low = middle + 1;
    else high = middle;
  }
  return low;
};

/** The page that has, or would have, this entry. */
export const positionOfPage = ({ pages }: IPageIndex, name: string): number => {
  let low = 0;
  let high = pages.length;
  while (low + 1 < high) {
    const middle = (low + high) >> 1;
    if ((pages[middle] as IPageRef).from <= name) low = middle;
    else high = middle;
  }
  return low;
};

/**
 * The pages that replace a sealed page that begins with `from`: always the same, whoever computes them. At least one.
 */
export const partsOfPage = <T extends IPage>(
  kind: IPageKind<T>,
  page: T,
  from: string,
): { ref: IPageRef; page: T }[] => {
  const { id, size } = page.seal as ISeal;
  const parts: { ref: IPageRef; page: T }[] = [];
  for (let at = 0; at === 0 || at < page.names.length; at += size) {
    const ref = { from: at === 0 ? from : (page.names[at] as string), id: `${id}:${parts.length}` };
    parts.push({ ref, page: kind.slice(page, at, at + size) });
  }
  return parts;
};

/** `{"pages": [["<from>", "<id>"], …], "revision": <n>}`; the names hold no character that JSON would escape. */
const serializeIndex = ({ pages }: IPageIndex, stamp?: IDocumentStamp): string => {
  const lines = pages.map(({ from, id }) => `["${from}","${id}"]`);
  return `{"pages":[\n${lines.join(',\n')}\n]${stamp ? `,"revision":${stamp.revision}` : ''}}\n`;
};

/** Undefined if the value is not an index. */
const readIndex = ({ pages }: { pages?: unknown }): IPageIndex | undefined => {
  if (!Array.isArray(pages) || pages.length === 0) return undefined;
  return { pages: (pages as [from: string, id: string][]).map(([from, id]) => ({ from, id })) };
};

/** Writes and reads one kind of page. Reading leaves out the seal, which all kinds store in the same way. */
export interface IPageFormat<T extends IPage> {
  serialize(page: T, stamp?: IDocumentStamp): string;
  parse(stored: Record<string, unknown>): T;
}

/** The codec of a paged document: of an index, or of a page in this format. */
export const pagedCodec = <T extends IPage>(format: IPageFormat<T>): ICodec<TPaged<T>> => ({
  contentType: 'application/json',
  immutableValues: true,
  serialize: (document, stamp) =>
    isPageIndex(document) ? serializeIndex(document, stamp) : format.serialize(document, stamp),
  parse: (bytes) => {
    const stored = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown> & {
      pages?: unknown;
      seal?: ISeal;
    };
    const index = readIndex(stored);
    if (index) return index;
    const page = format.parse(stored);
    return stored.seal ? { ...page, seal: stored.seal } : page;
  },
});
