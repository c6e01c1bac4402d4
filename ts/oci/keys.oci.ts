import type { IDigest } from './wire.digests.js';

/**
 * The storage layout of the OCI registry.
 *
 *     oci/blobs/{algorithm}/{hex}                      the bytes, once for all repositories
 *     oci/links/{algorithm}/{hex}:{repository}         that the repository has this blob; `/` of the name is `:` here. In
 *                                                      the order of the blobs, so that one walk finds what nobody has
 *     oci/collecting/{algorithm}/{hex}                 these bytes are about to be removed, should nobody link them
 *     oci/manifests/{repository}/{algorithm}:{hex}     a manifest, byte for byte
 *     oci/tags/{repository}/tags.json                  all tags of a repository: the document that decides
 *     oci/referrers/{repository}/{algorithm}:{hex}.json  who refers to this subject
 *     oci/pending/{uuid}                               a subject whose list of referrers may have to be repaired
 *     oci/uploads/{uuid}.…                             uploads under way (core's ResumableUploads)
 *
 * A repository sees a blob only through its own link. Digests hold a colon and names do not, so what is kept for a
 * repository never lies in the folder of another one; `tags.json` is a legal last component of a name, and is escaped.
 */
export const blobsPrefix = 'oci/blobs';
export const allLinksPrefix = 'oci/links';
export const tagsPrefix = 'oci/tags';
export const uploadsPrefix = 'oci/uploads';
export const pendingPrefix = 'oci/pending';
export const collectingPrefix = 'oci/collecting';
const TAGS_FILE = 'tags.json';

const pathOf = (repository: string): string => {
  if (!repository.includes(TAGS_FILE)) return repository;
  return repository
    .split('/')
    .map((component) => (component === TAGS_FILE ? `${component}~` : component))
    .join('/');
};

export const blobKey = ({ algorithm, hex }: IDigest): string => `${blobsPrefix}/${algorithm}/${hex}`;
export const linksPrefix = ({ algorithm, hex }: IDigest): string => `${allLinksPrefix}/${algorithm}/${hex}:`;
/** Servers that keep objects as files take no longer segment; the longest names go on in another one. */
const MAX_SEGMENT = 255;
const CONTINUED = '~';
export const linkKey = (repository: string, digest: IDigest): string => {
  const name = repository.replaceAll('/', ':');
  const room = MAX_SEGMENT - digest.hex.length - ':'.length;
  if (name.length <= room) return linksPrefix(digest) + name;
  const cut = room - CONTINUED.length;
  return `${linksPrefix(digest)}${name.slice(0, cut)}${CONTINUED}/${name.slice(cut)}`;
};
export const repositoryOfLink = (key: string): string =>
  key
    .slice(key.indexOf(':') + 1)
    .replace(`${CONTINUED}/`, '')
    .replaceAll(':', '/');
export const collectingKey = ({ algorithm, hex }: IDigest): string => `${collectingPrefix}/${algorithm}/${hex}`;
export const manifestKey = (repository: string, digest: IDigest): string =>
  `oci/manifests/${pathOf(repository)}/${digest.text}`;
export const tagsKey = (repository: string): string => `${tagsPrefix}/${pathOf(repository)}/${TAGS_FILE}`;
export const referrersKey = (repository: string, subject: IDigest): string =>
  `oci/referrers/${pathOf(repository)}/${subject.text}.json`;

/** The repository whose document this is. */
export const repositoryOfTags = (key: string): string =>
  key.slice(tagsPrefix.length + 1, -(TAGS_FILE.length + 1)).replaceAll(`${TAGS_FILE}~`, TAGS_FILE);

export const BLOB_TYPE = 'application/octet-stream';
