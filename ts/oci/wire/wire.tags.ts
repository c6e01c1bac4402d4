import { RegistryError } from '../../core/classes.registryerror.js';
import type { ICodec } from '../../core/storage/interfaces.storage.js';

/**
 * All tags of one repository, sorted by their bytes; `digests[i]` is where `names[i]` points. Two lists, not an object:
 * `__proto__` is a legal tag, and a page of ten thousand is found by halving.
 */
export interface ITags {
  readonly names: readonly string[];
  readonly digests: readonly string[];
}

export const NO_TAGS: ITags = Object.freeze({ names: Object.freeze([]), digests: Object.freeze([]) });

/** Where `name` is, or would be. */
const positionOf = (names: readonly string[], name: string): number => {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((names[middle] as string) < name) low = middle + 1;
    else high = middle;
  }
  return low;
};

export const digestOfTag = ({ names, digests }: ITags, name: string): string | undefined => {
  const at = positionOf(names, name);
  return names[at] === name ? digests[at] : undefined;
};

/** The same object where nothing changes. */
export const withTag = (tags: ITags, name: string, digest: string): ITags => {
  const { names, digests } = tags;
  const at = positionOf(names, name);
  const replaces = names[at] === name;
  if (replaces && digests[at] === digest) return tags;
  return {
    names: replaces ? names : names.toSpliced(at, 0, name),
    digests: digests.toSpliced(at, replaces ? 1 : 0, digest),
  };
};

/** The same object where nothing changes. */
export const withoutTags = (tags: ITags, isGone: (name: string, digest: string) => boolean): ITags => {
  const kept = tags.names.map((name, index) => !isGone(name, tags.digests[index] as string));
  if (kept.every(Boolean)) return tags;
  const keep = (_value: string, index: number): boolean => kept[index] as boolean;
  return { names: tags.names.filter(keep), digests: tags.digests.filter(keep) };
};

export const tagsOfDigest = ({ names, digests }: ITags, digest: string): string[] =>
  names.filter((_name, index) => digests[index] === digest);

/** The tags from `name` on. */
export const tagsFrom = ({ names, digests }: ITags, name: string): ITags => {
  const at = positionOf(names, name);
  return { names: names.slice(at), digests: digests.slice(at) };
};

/** Up to `count` tags behind `last`, and whether there are more. */
export const pageOfTags = (
  { names }: ITags,
  { count, last }: { count?: number; last?: string },
): { tags: readonly string[]; more: boolean } => {
  let from = last === undefined ? 0 : positionOf(names, last);
  if (last !== undefined && names[from] === last) from++;
  const to = count === undefined ? names.length : Math.min(names.length, from + count);
  return { tags: names.slice(from, to), more: to < names.length && to > from };
};

/** A page of tags that is to be replaced by several: nothing is written to it any more. */
export interface ISeal {
  /** UUID; the pages that replace it are `<id>:<number>` */
  id: string;
  /** tags of each of them; the last one may have fewer */
  size: number;
}

/** The tags of a repository that has few, or one page of them. */
export interface ITagPage extends ITags {
  readonly seal?: ISeal;
}

/** The pages of a repository that has many tags, in order. */
export interface ITagIndex {
  readonly pages: readonly ITagPageRef[];
}

export interface ITagPageRef {
  /** tags from this one on are in the page; '' for the first page */
  readonly from: string;
  readonly id: string;
}

export type TTagDocument = ITagPage | ITagIndex;

export const isTagIndex = (document: TTagDocument): document is ITagIndex => 'pages' in document;

/** The page that has, or would have, this tag. */
export const positionOfPage = ({ pages }: ITagIndex, name: string): number => {
  let low = 0;
  let high = pages.length;
  while (low + 1 < high) {
    const middle = (low + high) >> 1;
    if ((pages[middle] as ITagPageRef).from <= name) low = middle;
    else high = middle;
  }
  return low;
};

/** What replaces a sealed page that begins with `from`: always the same, whoever asks. At least one page. */
export const partsOfPage = ({ names, digests, seal }: ITagPage, from: string): { ref: ITagPageRef; tags: ITags }[] => {
  const { id, size } = seal as ISeal;
  const parts: { ref: ITagPageRef; tags: ITags }[] = [];
  for (let at = 0; at === 0 || at < names.length; at += size) {
    const tags = { names: names.slice(at, at + size), digests: digests.slice(at, at + size) };
    parts.push({ ref: { from: at === 0 ? from : (names[at] as string), id: `${id}:${parts.length}` }, tags });
  }
  return parts;
};

/**
 * `{"tags": {"<tag>": "<digest>", …}, "revision": <n>}`, with `"seal"` if the page is sealed; or `{"pages": [["<from>",
 * "<id>"], …], "revision": <n>}`. Neither tags nor digests hold a character that JSON would escape. A tag may be moved
 * away and back: the revision makes the bytes, and so the ETag, different all the same.
 */
export const tagsCodec: ICodec<TTagDocument> = {
  contentType: 'application/json',
  keepsValues: true,
  serialize: (document, stamp) => {
    const revision = stamp ? `,"revision":${stamp.revision}` : '';
    if (isTagIndex(document)) {
      const pages = document.pages.map(({ from, id }) => `["${from}","${id}"]`);
      return `{"pages":[\n${pages.join(',\n')}\n]${revision}}\n`;
    }
    const { names, digests, seal } = document;
    const lines = new Array<string>(names.length);
    for (let index = 0; index < names.length; index++) lines[index] = `"${names[index]}":"${digests[index]}"`;
    const sealed = seal ? `,"seal":${JSON.stringify(seal)}` : '';
    return `{"tags":{\n${lines.join(',\n')}\n}${sealed}${revision}}\n`;
  },
  parse: (bytes) => {
    const { tags, pages, seal } = JSON.parse(new TextDecoder().decode(bytes)) as {
      tags?: Record<string, string>;
      pages?: [from: string, id: string][];
      seal?: ISeal;
    };
    if (Array.isArray(pages) && pages.length > 0) return { pages: pages.map(([from, id]) => ({ from, id })) };
    if (typeof tags !== 'object' || tags === null) throw new RegistryError('internal', 'These are no tags');
    // objects bring names that look like numbers to the front
    const names = Object.keys(tags).sort((a, b) => (a < b ? -1 : 1));
    return { names, digests: names.map((name) => tags[name] as string), ...(seal && { seal }) };
  },
};
