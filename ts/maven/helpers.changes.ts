import type { RegistryStorage } from '../core/classes.registrystorage.js';
import { droppedKeys } from '../core/storage/commit/helpers.dropped.js';
import { namedKeys, remove, type TSelection, wasRemovedBy } from './helpers.document.js';
import type { IMavenDocument } from './interfaces.maven.js';
import type { IMavenParts } from './interfaces.parts.js';
import { documentKeyOf } from './keys.maven.js';
import { type IArtifactName, nameOf } from './wire/wire.coordinates.js';

/** Where a change is written: the storage of a call, or the registry's own. */
export interface IChangePlace extends IArtifactName {
  storage: RegistryStorage;
  catalog: IMavenParts['catalog'];
}

/** The removed content, as people write it. */
export const labelOf = (name: IArtifactName, selection: TSelection): string => {
  if (selection === 'all') return nameOf(name);
  const version = `${nameOf(name)}:${selection.version}`;
  return 'file' in selection ? `${selection.file} of ${version}` : version;
};

/** Deletes a file, a version, or all of an artifact. The document stays, because it records the names that were used. */
export const removeFiles = async (place: IChangePlace, selection: TSelection): Promise<void> => {
  const { storage, catalog, group, artifact } = place;
  const name = { group, artifact };
  await storage.commit<IMavenDocument>({
    packageName: nameOf(name),
    version: selection === 'all' ? undefined : selection.version,
    document: {
      key: documentKeyOf(name),
      apply: (current, _placed, stamp) => remove(current, name, selection, stamp),
      applied: wasRemovedBy,
    },
    drop: droppedKeys(namedKeys),
    catalog,
  });
};
