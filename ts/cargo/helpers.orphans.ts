import type { IPackageSweep } from '../core/classes.registrystorage.js';
import type { ICargoDocument } from './interfaces.cargo.js';
import { cratesPrefix, documentKey, indexPrefix, ownerOf } from './keys.cargo.js';

export const orphanSweep: IPackageSweep<ICargoDocument> = {
  prefix: `${cratesPrefix}/`,
  documents: `${indexPrefix}/`,
  ownerOf: (key) => documentKey(ownerOf(key)),
  named: ({ versions }) => Object.values(versions).map(({ key }) => key),
};
