import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { allowVersions, announcedLists, blockVersions, type IFilterPlace } from '../helpers.filters.js';
import { packageOf } from '../helpers.names.js';
import type { IComposerFilterEntry } from '../interfaces.composer.js';
import type { IComposerParts } from '../interfaces.parts.js';
import { assertListName, parseFilterEntry } from '../wire/wire.filter.js';
import { readable } from './handlers.search.js';

const placeOf = (call: RegistryCall, { catalog, config }: IComposerParts): IFilterPlace => ({
  storage: call.storage,
  catalog,
  name: packageOf(call),
  announced: announcedLists(config),
});

const answer = (name: string, filter: readonly IComposerFilterEntry[]): object => ({ status: 'success', name, filter });

/** PUT /packages/{vendor}/{package}/filter/{list}: blocks the versions of a constraint at every client. */
export const putFilter = async (call: RegistryCall, composer: IComposerParts): Promise<object> => {
  const place = placeOf(call, composer);
  const list = assertListName(call.params.list as string);
  return answer(place.name, await blockVersions(place, parseFilterEntry(list, await call.body.json())));
};

/** DELETE /packages/{vendor}/{package}/filter/{list}: all entries of the list, or the one with `?constraint=`. */
export const deleteFilter = async (call: RegistryCall, composer: IComposerParts): Promise<object> => {
  const place = placeOf(call, composer);
  const list = call.params.list as string;
  return answer(place.name, await allowVersions(place, { list, constraint: call.query('constraint') }));
};

/** GET /filter.json: the blocked versions of all packages, so that clients need not ask for each package. */
export const getFilters = async (call: RegistryCall, { digest }: IComposerParts): Promise<object> => {
  const lists = new Map<string, Map<string, string>>();
  for (const { name, entry } of await readable(call, await digest.filtered())) {
    for (const [list, constraint] of Object.entries(entry.filters ?? {})) {
      const packages = lists.get(list) ?? new Map<string, string>();
      lists.set(list, packages.set(name, constraint));
    }
  }
  return { filter: Object.fromEntries([...lists].map(([list, packages]) => [list, Object.fromEntries(packages)])) };
};
