import { RegistryError } from '../core/classes.registryerror.js';
import type { RegistryStorage } from '../core/classes.registrystorage.js';
import type { IWriteStamp } from '../core/storage/interfaces.storage.js';
import { addFilter, existing, removeFilter } from './helpers.document.js';
import type { IComposerDocument, IComposerFilterEntry } from './interfaces.composer.js';
import type { IComposerConfig } from './interfaces.config.js';
import type { IComposerParts } from './interfaces.parts.js';
import { documentKey } from './keys.composer.js';

const DEFAULT_LISTS: readonly string[] = ['malware'];

/** The filter lists that `packages.json` announces. */
export const announcedLists = ({ filterLists }: IComposerConfig): readonly string[] => filterLists ?? DEFAULT_LISTS;

/** The package whose filter lists are changed, and where. */
export interface IFilterPlace {
  storage: RegistryStorage;
  catalog: IComposerParts['catalog'];
  name: string;
  /** the lists that clients are told of */
  announced: readonly string[];
}

const change = async (
  { storage, catalog, name }: IFilterPlace,
  apply: (document: IComposerDocument, stamp: IWriteStamp) => IComposerDocument,
): Promise<readonly IComposerFilterEntry[]> => {
  const document = await storage.commit<IComposerDocument>({
    packageName: name,
    document: {
      key: documentKey(name),
      apply: (current, _placed, stamp) => apply(existing(current, name), stamp),
    },
    catalog,
  });
  return document?.filters ?? [];
};

/** Adds an entry to a filter list of a package. Returns all entries. Throws `invalid` for a list that no client reads. */
export const blockVersions = async (
  place: IFilterPlace,
  entry: IComposerFilterEntry,
): Promise<readonly IComposerFilterEntry[]> => {
  const { announced } = place;
  if (!announced.includes(entry.list)) {
    const lists = announced.length > 0 ? announced.join(', ') : 'none';
    throw new RegistryError(
      'invalid',
      `No client would read the filter list "${entry.list}": the lists of this registry are ${lists} (composer.filterLists of the configuration)`,
    );
  }
  return change(place, (document, stamp) => addFilter(document, entry, stamp));
};

/** Removes one entry of a filter list, or without a constraint all of them. Returns the entries that are left. */
export const allowVersions = (
  place: IFilterPlace,
  selection: { list: string; constraint?: string | undefined },
): Promise<readonly IComposerFilterEntry[]> =>
  change(place, (document, stamp) => removeFilter(document, selection, stamp));
