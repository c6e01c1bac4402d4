import type { IPackageSweep } from '../core/classes.registrystorage.js';
import { artifactsOf } from './helpers.document.js';
import type { IComposerDocument } from './interfaces.composer.js';
import { documentKey, ownerOf, packagesPrefix } from './keys.composer.js';

/** The keys of all zips that the document of a package names. */
export const namedKeys = (document: IComposerDocument): string[] => artifactsOf(document).map(({ key }) => key);

export const orphanSweep: IPackageSweep<IComposerDocument> = {
  prefix: `${packagesPrefix}/`,
  ownerOf: (key) => documentKey(ownerOf(key)),
  named: namedKeys,
};
