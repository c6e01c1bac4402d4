import type { IDigest } from './wire/wire.digests.js';

/**
 * The storage layout of the OCI registry.
 *
 *     oci/blobs/{algorithm}/{hex}                      the bytes, once for all repositories
 *     oci/links/{algorithm}/{hex}/{repository}/{write id}  that the repository has this blob; `/` of the name is `:` here
 *     oci/manifests/{repository}/{algorithm}:{hex}     a manifest, byte for byte
 *     oci/copies/blobs/…, oci/copies/manifests/…       guards: which copy of content that was deleted once is the current
 *                                                      one. Later copies lie at `{key}.{number}-{uuid}`
 *     oci/tags/{repository}/tags.json                  the tags of a repository: all of them, or, if they are many, which
 *                                                      pages hold them
 *     oci/tagpages/{repository}/{uuid}:{number}.json   one page of tags
 *     oci/referrers/{repository}/{algorithm}:{hex}.json  the manifests that refer to this subject: all of them, or, if
 *                                                      they are many, which pages hold them
 *     oci/referrerpages/{repository}/{uuid}:{number}.json  one page of referrers
 *     oci/pending/{uuid}                               a subject whose list of referrers may have to be repaired
 *     oci/uploads/{uuid}.…                             uploads under way (core's ResumableUploads)
 *     oci/layout.json                                  which version of this layout the store has
 *
 * A repository can only read a blob through its own link. Digests have a colon and names do not, so no data of a
 * repository are in the folder of another one; `tags.json` is a legal last component of a name, and is escaped.
 */
export const blobFolders = { bytes: 'oci/blobs', guards: 'oci/copies/blobs', links: 'oci/links' };
export const manifestsPrefix = 'oci/manifests';
export const manifestGuardsPrefix = 'oci/copies/manifests';
export const tagsPrefix = 'oci/tags';
const tagPagesPrefix = 'oci/tagpages';
export const uploadsPrefix = 'oci/uploads';
export const referrersPrefix = 'oci/referrers';
const referrerPagesPrefix = 'oci/referrerpages';
export const pendingPrefix = 'oci/pending';
export const layoutKey = 'oci/layout.json';
const TAGS_FILE = 'tags.json';

const pathOf = (repository: string): string => {
  if (!repository.includes(TAGS_FILE)) return repository;
  return repository
    .split('/')
    .map((component) => (component === TAGS_FILE ? `${component}~` : component))
    .join('/');
};
const repositoryOf = (path: string): string => path.replaceAll(`${TAGS_FILE}~`, TAGS_FILE);

export const blobKey = ({ algorithm, hex }: IDigest): string => `${blobFolders.bytes}/${algorithm}/${hex}`;
/** The first copy of a manifest. */
export const manifestKey = (repository: string, { text }: Pick<IDigest, 'text'>): string =>
  `${manifestsPrefix}/${pathOf(repository)}/${text}`;
export const manifestGuardKey = (repository: string, { text }: Pick<IDigest, 'text'>): string =>
  `${manifestGuardsPrefix}/${pathOf(repository)}/${text}.json`;
export const tagsKey = (repository: string): string => `${tagsPrefix}/${pathOf(repository)}/${TAGS_FILE}`;
/** @param id has a colon, which no component of a name has */
export const tagPageKey = (repository: string, id: string): string =>
  `${tagPagesPrefix}/${pathOf(repository)}/${id}.json`;
export const referrersKey = (repository: string, subject: IDigest): string =>
  `${referrersPrefix}/${pathOf(repository)}/${subject.text}.json`;
export const referrerPageKey = (repository: string, id: string): string =>
  `${referrerPagesPrefix}/${pathOf(repository)}/${id}.json`;

/** Returns null if the key is not that of a list of referrers. */
export const readReferrersKey = (key: string): { repository: string; subject: string } | null => {
  const match = /^oci\/referrers\/(.+)\/(sha\d+:[0-9a-f]+)\.json$/.exec(key);
  if (!match) return null;
  const [, path, subject] = match as unknown as [string, string, string];
  return { repository: repositoryOf(path), subject };
};

/** The repository of a tags document's key. */
export const repositoryOfTags = (key: string): string =>
  repositoryOf(key.slice(tagsPrefix.length + 1, -(TAGS_FILE.length + 1)));

/** Prefix of all keys of the repository's manifests, and of those of few other repositories (`a/sha` of `a`). */
export const manifestsOfPrefix = (repository: string): string => `${manifestsPrefix}/${pathOf(repository)}/sha`;

export interface IManifestKey {
  repository: string;
  /** `<algorithm>:<hex>` */
  digest: string;
  /** '' is the first copy */
  copy: string;
}

/** Returns null if the key is not that of a manifest. */
export const readManifestKey = (key: string): IManifestKey | null => {
  const match = /^oci\/manifests\/(.+)\/(sha\d+:[0-9a-f]+)(?:\.([0-9a-f-]+))?$/.exec(key);
  if (!match) return null;
  const [, path, digest, copy = ''] = match as unknown as [string, string, string, string?];
  return { repository: repositoryOf(path), digest, copy };
};

export const readManifestGuardKey = (key: string): IManifestKey | null =>
  readManifestKey(manifestsPrefix + key.slice(manifestGuardsPrefix.length, -'.json'.length));

export const BLOB_TYPE = 'application/octet-stream';
