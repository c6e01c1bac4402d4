import { RegistryError } from '../../core/classes.registryerror.js';
import { type IPage, type IPageKind, pagedCodec, positionOf } from '../../core/storage/pages/helpers.pages.js';

/**
 * All tags of one repository, sorted by their bytes; `names[i]` points to `digests[i]`. Two lists, not an object:
 * `__proto__` is a legal tag, and a position in ten thousand is found by binary search.
 */
export interface ITags {
  readonly names: readonly string[];
  readonly digests: readonly string[];
}

export const NO_TAGS: ITags = Object.freeze({ names: Object.freeze([]), digests: Object.freeze([]) });

export const digestOfTag = ({ names, digests }: ITags, name: string): string | undefined => {
  const at = positionOf(names, name);
  return names[at] === name ? digests[at] : undefined;
};

/** Returns the same object if nothing changes. */
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

/** Returns the same object if nothing changes. */
export const withoutTags = (tags: ITags, isGone: (name: string, digest: string) => boolean): ITags => {
  const kept = tags.names.map((name, index) => !isGone(name, tags.digests[index] as string));
  if (kept.every(Boolean)) return tags;
  const keep = (_value: string, index: number): boolean => kept[index] as boolean;
  return { names: tags.names.filter(keep), digests: tags.digests.filter(keep) };
};

export const tagsOfDigest = ({ names, digests }: ITags, digest: string): string[] =>
  names.filter((_name, index) => digests[index] === digest);

/** Up to `count` tags after `last`, and whether there are more. */
export const pageOfTags = (
  { names }: ITags,
  { count, last }: { count?: number; last?: string },
): { tags: readonly string[]; more: boolean } => {
  let from = last === undefined ? 0 : positionOf(names, last);
  if (last !== undefined && names[from] === last) from++;
  const to = count === undefined ? names.length : Math.min(names.length, from + count);
  return { tags: names.slice(from, to), more: to < names.length && to > from };
};

/** The tags of a repository that has few, or one page of them. */
export type ITagPage = ITags & IPage;

/** tags of one page. Each push of a tag rewrites one page: this many are 28 KB, and cost little more than a few */
export const MAX_TAGS_OF_PAGE = 300;
/** tags of each new page, if all tags of a large repository were in one document (releases up to 0.3.0) */
const FIRST_SIZE = 200;

/**
 * `{"tags": {"<tag>": "<digest>", …}, "revision": <n>}`, with `"seal"` if it is sealed; or an index of pages. Neither
 * tags nor digests have a character that JSON would escape. A tag may be moved away and back: the revision makes the
 * bytes, and so the ETag, different in that case too.
 */
export const tagsCodec = pagedCodec<ITagPage>({
  serialize: ({ names, digests, seal }, stamp) => {
    const lines = new Array<string>(names.length);
    for (let index = 0; index < names.length; index++) lines[index] = `"${names[index]}":"${digests[index]}"`;
    const sealed = seal ? `,"seal":${JSON.stringify(seal)}` : '';
    const revision = stamp ? `,"revision":${stamp.revision}` : '';
    return `{"tags":{\n${lines.join(',\n')}\n}${sealed}${revision}}\n`;
  },
  parse: (stored) => {
    const tags = stored.tags as Record<string, string> | null | undefined;
    if (typeof tags !== 'object' || tags === null) throw new RegistryError('internal', 'This is not a list of tags');
    // objects move names that look like numbers to the front
    const names = Object.keys(tags).sort((a, b) => (a < b ? -1 : 1));
    return { names, digests: names.map((name) => tags[name] as string) };
  },
});

export const tagPages: IPageKind<ITagPage> = {
  codec: tagsCodec,
  none: NO_TAGS,
  atOnce: 16,
  slice: ({ names, digests }, from, to) => ({ names: names.slice(from, to), digests: digests.slice(from, to) }),
  limit: ({ names }, before) => {
    const { length } = names;
    if (length <= MAX_TAGS_OF_PAGE) return undefined;
    if (length > 2 * MAX_TAGS_OF_PAGE) return FIRST_SIZE;
    // if tags are numbered in ascending order, new ones come last, so full pages stay full
    const had = before.names.length;
    const isBehind = had > 0 && had <= MAX_TAGS_OF_PAGE && names[had - 1] === before.names[had - 1];
    return isBehind ? had : Math.ceil(length / 2);
  },
};
