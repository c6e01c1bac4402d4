import type { IPackageSweep } from '../core/classes.registrystorage.js';
import { namedKeys } from './helpers.document.js';
import type { IMavenDocument } from './interfaces.maven.js';
import { artifactsPrefix, metadataPrefix, ownerOf } from './keys.maven.js';

export const orphanSweep: IPackageSweep<IMavenDocument> = {
  prefix: `${artifactsPrefix}/`,
  documents: `${metadataPrefix}/`,
  ownerOf,
  named: namedKeys,
};
