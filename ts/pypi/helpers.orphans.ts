import type { IPackageSweep } from '../core/classes.registrystorage.js';
import type { IPypiDocument, IPypiFile } from './interfaces.pypi.js';
import { metadataPrefix, ownerOf, packagesPrefix } from './keys.pypi.js';

/** The keys of a file and of what lies beside it. */
export const keysOfFile = ({ key, metadata, attestations }: IPypiFile): string[] =>
  attestations ? [key, metadata.key, attestations.key] : [key, metadata.key];

/** The keys of all artifacts that the document of a project names. */
export const namedKeys = ({ files }: IPypiDocument): string[] => Object.values(files).flatMap(keysOfFile);

export const orphanSweep: IPackageSweep<IPypiDocument> = {
  prefix: `${packagesPrefix}/`,
  documents: `${metadataPrefix}/`,
  ownerOf,
  named: namedKeys,
};
