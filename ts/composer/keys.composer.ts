/**
 * The storage layout of the Composer registry.
 *
 *     composer/packages/{vendor}/{package}/metadata.json     the document: all versions (interfaces.composer.ts)
 *     composer/packages/{vendor}/{package}/{reference}.zip   the zip; {reference} is the sha1 of its bytes
 *     composer/catalog/…                                     what search and listings know of each package (core's PackageCatalog)
 *
 * If a zip's key was taken (by an interrupted upload, or by another version with the same bytes), or if somebody has
 * tried to delete it, the zip is stored at its key with the suffix `.{write id}`; the document names the valid key. No
 * key is a directory of another: below `composer/packages/` each key has exactly two more folders.
 */
export const packagesPrefix = 'composer/packages';
export const catalogPrefix = 'composer/catalog';

const folderOf = (name: string): string => `${packagesPrefix}/${name}/`;

/** @param name `vendor/package` */
export const documentKey = (name: string): string => `${folderOf(name)}metadata.json`;

/** @param reference hex sha1 of the zip */
export const zipKey = (name: string, reference: string): string => `${folderOf(name)}${reference}.zip`;

/** The package of a key below `composer/packages/`, whether of a document or a zip. */
export const ownerOf = (key: string): string => key.slice(packagesPrefix.length + 1, key.lastIndexOf('/'));

/** The package of a document's key; undefined for the key of a zip. */
export const documentNameOf = (key: string): string | undefined => {
  const name = ownerOf(key);
  return key === documentKey(name) ? name : undefined;
};

export const ZIP_TYPE = 'application/zip';
