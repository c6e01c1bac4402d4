import type { IPackageSweep } from '../core/classes.registrystorage.js';
import type { IMavenDocument } from './interfaces.maven.js';
import { artifactsPrefix, metadataPrefix, ownerOf } from './keys.maven.js';

/** The keys of all files that the document of an artifact names. */
export const namedKeys = ({ versions }: IMavenDocument): string[] =>
  Object.values(versions).flatMap(({ files }) => Object.values(files).map(({ key }) => key));

export const orphanSweep: IPackageSweep<IMavenDocument> = {
  prefix: `${artifactsPrefix}/`,
  documents: `${metadataPrefix}/`,
  ownerOf,
  named: namedKeys,
};
