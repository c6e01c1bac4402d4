import type { RegistryStorage } from '../core/classes.registrystorage.js';
import { chosenBuild, type IBuildChoice, setYanked } from './helpers.document.js';
import type { IGemParts } from './interfaces.parts.js';
import type { IGemDocument } from './interfaces.rubygems.js';
import { documentKey } from './keys.rubygems.js';

/** Where a change is written: the storage of a call, or the registry's own. */
export interface IChangePlace {
  storage: RegistryStorage;
  catalog: IGemParts['catalog'];
  gem: string;
}

/** Yanks a build, or lists it again. Returns its slug. */
export const changeYank = async (
  { storage, catalog, gem }: IChangePlace,
  choice: IBuildChoice,
  yanked: boolean,
): Promise<string> => {
  const key = documentKey(gem);
  // the version that hooks get; which build it is never changes
  const { slug } = chosenBuild((await storage.read<IGemDocument>(key))?.value ?? null, gem, choice);
  await storage.commit<IGemDocument>({
    packageName: gem,
    version: slug,
    document: { key, apply: (current, _placed, stamp) => setYanked(current, gem, choice, yanked, stamp) },
    catalog,
  });
  return slug;
};
