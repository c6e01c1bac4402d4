import { globMatcher } from '../../core/auth/helpers.scopes.js';
import { RegistryError } from '../../core/classes.registryerror.js';
import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { announcedLists } from '../helpers.filters.js';
import type { IComposerEntry } from '../interfaces.composer.js';
import type { IComposerParts } from '../interfaces.parts.js';
import { normalizeName } from '../wire/wire.names.js';
import { MAX_LISTED, rootTexts } from '../wire/wire.root.js';

const JSON_TYPE = 'application/json';
/** Characters; longer than any name. */
const MAX_FILTER = 256;

/** GET /packages.json: links, and the packages that this caller may read. */
export const getRoot = async (call: RegistryCall, { catalog, config }: IComposerParts): Promise<IResponse> => {
  const { publicUrl } = call;
  const { warning, info } = config;
  const { size } = await catalog.entries();
  const isLong = size > MAX_LISTED;
  return call.serveListing(catalog, {
    // whole links: a rendering is for one public URL
    variant: `root ${isLong ? 'patterns' : 'names'} ${publicUrl}`,
    render: () => ({
      contentType: JSON_TYPE,
      ...rootTexts(publicUrl, { filterLists: announcedLists(config), warning, info }, isLong),
    }),
  });
};

const filterOf = (call: RegistryCall, name: string): string | undefined => {
  const value = call.query(name);
  if (value === undefined || value === '') return undefined;
  if (value.length <= MAX_FILTER) return normalizeName(value);
  throw new RegistryError('invalid', `The query parameter "${name}" is longer than ${MAX_FILTER} characters`);
};

/** GET /packages/list.json: all names; `vendor` and `filter` (with `*`) choose some of them. */
export const getList = (call: RegistryCall, { catalog }: IComposerParts): Promise<IResponse> => {
  const vendor = filterOf(call, 'vendor');
  const filter = filterOf(call, 'filter');
  const isWanted = filter === undefined ? () => true : globMatcher([filter]);
  const isOfVendor = (name: string): boolean => vendor === undefined || name.startsWith(`${vendor}/`);
  return call.serveListing<IComposerEntry>(catalog, {
    variant: JSON.stringify(['list', vendor, filter]),
    render: {
      contentType: JSON_TYPE,
      header: '{"packageNames":[',
      entry: (name) => (isOfVendor(name) && isWanted(name) ? JSON.stringify(name) : null),
      separator: ',',
      footer: ']}',
    },
  });
};
