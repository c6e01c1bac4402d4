import type { IPackageSweep } from '../core/classes.registrystorage.js';
import type { INpmDocument } from './interfaces.npm.js';
import { documentKey, ownerOf, packagesPrefix } from './keys.npm.js';

/** The keys of all tarballs and provenance bundles that the document of a package names. */
export const namedKeys = (document: INpmDocument): string[] =>
  Object.values(document._registry.artifacts).flatMap(({ key, provenance }) =>
    provenance ? [key, provenance.key] : [key],
  );

export const orphanSweep: IPackageSweep<INpmDocument> = {
  prefix: `${packagesPrefix}/`,
  ownerOf: (key) => documentKey(ownerOf(key)),
  named: namedKeys,
};
