import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import type { IGemParts } from '../interfaces.parts.js';
import { NAMES_HEAD } from '../wire/wire.compactindex.js';

/** GET /names: the names of all gems that have a listed build, one a line. */
export const getNames = (call: RegistryCall, { catalog }: Pick<IGemParts, 'catalog'>): Promise<IResponse> =>
  call.serveListing(catalog, {
    variant: 'names',
    md5Etag: true,
    render: {
      contentType: 'text/plain; charset=utf-8',
      header: NAMES_HEAD,
      entry: (name) => `${name}\n`,
      empty: `${NAMES_HEAD}\n`,
    },
  });
