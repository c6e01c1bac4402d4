import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import type { IGemParts } from '../interfaces.parts.js';
import { specsPieces, type TSpecsKind } from '../wire/wire.specs.js';
import { compareVersions, isPrerelease } from '../wire/wire.versions.js';

const RULES = { compare: compareVersions, isPrerelease };

/**
 * GET /specs.4.8.gz, /latest_specs.4.8.gz and /prerelease_specs.4.8.gz: name, version and platform of all builds, for
 * `gem list`, `gem search`, `gem outdated` and clients without the compact index. Empty lists are files too: clients
 * report a 404 as a broken source.
 */
export const getSpecs = (
  call: RegistryCall,
  { catalog }: Pick<IGemParts, 'catalog'>,
  kind: TSpecsKind,
): Promise<IResponse> =>
  call.serveListing(catalog, {
    variant: kind,
    render: {
      // the file is the gzip: a Content-Encoding would make clients unpack it twice
      contentType: 'application/octet-stream',
      pieces: (gems) => specsPieces(kind, gems, RULES),
      gzip: true,
    },
  });
