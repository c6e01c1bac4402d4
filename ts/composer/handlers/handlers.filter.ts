import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { addFilter, existing, type IStamp, removeFilter } from '../helpers.document.js';
import { packageOf } from '../helpers.names.js';
import type { IComposerDocument } from '../interfaces.composer.js';
import type { IComposerParts } from '../interfaces.parts.js';
import { documentKey } from '../keys.composer.js';
import { assertListName, parseFilterEntry } from '../wire/wire.filter.js';
import { readable } from './handlers.search.js';

const change = async (
  call: RegistryCall,
  { catalog }: IComposerParts,
  apply: (document: IComposerDocument, stamp: IStamp) => IComposerDocument,
): Promise<object> => {
  const name = packageOf(call);
  const document = await call.storage.commit<IComposerDocument>({
    packageName: name,
    document: {
      key: documentKey(name),
      apply: (current, _placed, stamp) => apply(existing(current, name), stamp),
    },
    catalog,
  });
  return { status: 'success', name, filter: document?.filters ?? [] };
};

/** PUT /packages/{vendor}/{package}/filter/{list}: blocks the versions of a constraint at every client. */
export const putFilter = async (call: RegistryCall, composer: IComposerParts): Promise<object> => {
  const list = assertListName(call.params.list as string);
  const entry = parseFilterEntry(list, await call.body.json());
  return change(call, composer, (document, stamp) => addFilter(document, entry, stamp));
};

/** DELETE /packages/{vendor}/{package}/filter/{list}: all entries of the list, or the one with `?constraint=`. */
export const deleteFilter = (call: RegistryCall, composer: IComposerParts): Promise<object> => {
  const list = call.params.list as string;
  const constraint = call.query('constraint');
  return change(call, composer, (document, stamp) => removeFilter(document, { list, constraint }, stamp));
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
