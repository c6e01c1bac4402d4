import type { IPackageSweep } from '../core/classes.registrystorage.js';
import { namedKeys } from './helpers.document.js';
import type { IGemDocument } from './interfaces.rubygems.js';
import { gemsPrefix, infoPrefix, ownerOf } from './keys.rubygems.js';

export const orphanSweep: IPackageSweep<IGemDocument> = {
  prefix: `${gemsPrefix}/`,
  documents: `${infoPrefix}/`,
  ownerOf,
  named: namedKeys,
};
