/**
 * The storage layout of the Maven registry; {group} has dots, so that no key is a directory of another.
 *
 *     maven/metadata/{group}/{artifact}/metadata.json          the document (interfaces.maven.ts), from which every
 *                                                              maven-metadata.xml and every checksum is rendered
 *     maven/artifacts/{group}/{artifact}/{version}/{file}      a file as it was uploaded
 *     maven/catalog/…                                          the list of all artifacts (core's PackageCatalog)
 *
 * If a file's key was taken by an interrupted upload, or if somebody has tried to delete it, the file is stored at its key
 * with the suffix `.{write id}`; the document names the valid key.
 */
import type { IArtifactName, IFilePath } from './wire/wire.coordinates.js';

export const metadataPrefix = 'maven/metadata';
export const artifactsPrefix = 'maven/artifacts';
export const catalogPrefix = 'maven/catalog';

const DOCUMENT = 'metadata.json';

export const documentKeyOf = ({ group, artifact }: IArtifactName): string =>
  `${metadataPrefix}/${group}/${artifact}/${DOCUMENT}`;

/** The key of the document of `group:artifact`. */
export const documentKey = (name: string): string => `${metadataPrefix}/${name.replace(':', '/')}/${DOCUMENT}`;

export const fileKey = ({ group, artifact, version, file }: IFilePath): string =>
  `${artifactsPrefix}/${group}/${artifact}/${version}/${file}`;

/** The `group:artifact` whose document has this key; undefined for other keys. */
export const documentNameOf = (key: string): string | undefined => {
  const name = key.slice(metadataPrefix.length + 1, -(DOCUMENT.length + 1)).replace('/', ':');
  return name.includes(':') && key === documentKey(name) ? name : undefined;
};

/** The key of the document that may name the file at this key. */
export const ownerOf = (key: string): string => {
  const [group, artifact] = key.slice(artifactsPrefix.length + 1).split('/') as [string, string];
  return documentKeyOf({ group, artifact });
};
