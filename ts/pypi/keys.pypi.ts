/**
 * The storage layout of the PyPI registry; {project} is the normalised name.
 *
 *     pypi/metadata/{project}/metadata.json              the document (interfaces.pypi.ts)
 *     pypi/packages/{project}/{filename}                 a wheel or an sdist
 *     pypi/packages/{project}/{filename}.metadata        its METADATA or PKG-INFO
 *     pypi/packages/{project}/{filename}.attestations    the attestations that were uploaded with it
 *     pypi/catalog/…                                     the list of all projects (core's PackageCatalog)
 *
 * If an artifact's key was taken by an interrupted upload, or if somebody has tried to delete it, the artifact is stored
 * at its key with the suffix `.{write id}`; the document names the valid key. No key is a directory of another: file
 * names have an ending, and `.metadata` and `.attestations` are no endings of distributions.
 */
export const metadataPrefix = 'pypi/metadata';
export const packagesPrefix = 'pypi/packages';
export const catalogPrefix = 'pypi/catalog';

const DOCUMENT = 'metadata.json';

export const documentKey = (project: string): string => `${metadataPrefix}/${project}/${DOCUMENT}`;
export const fileKey = (project: string, filename: string): string => `${packagesPrefix}/${project}/${filename}`;
export const metadataKey = (project: string, filename: string): string => `${fileKey(project, filename)}.metadata`;
export const attestationsKey = (project: string, filename: string): string =>
  `${fileKey(project, filename)}.attestations`;

/** The project whose document has this key; undefined for other keys. */
export const documentNameOf = (key: string): string | undefined => {
  const project = key.slice(metadataPrefix.length + 1, -(DOCUMENT.length + 1));
  return key === documentKey(project) ? project : undefined;
};

/** The key of the document that may name the artifact at this key. */
export const ownerOf = (key: string): string => {
  const [project] = key.slice(packagesPrefix.length + 1).split('/') as [string];
  return documentKey(project);
};

export const FILE_TYPE = 'application/octet-stream';
export const METADATA_TYPE = 'text/plain; charset=utf-8';
export const ATTESTATIONS_TYPE = 'application/json';
