import { MAX_README_ARCHIVE } from '../../core/archives/helpers.readmes.js';
import { iterate } from '../../core/base/helpers.streams.js';
import { RegistryError } from '../../core/classes.registryerror.js';
import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { knownAs } from '../helpers.document.js';
import type { ICargoDocument } from '../interfaces.cargo.js';
import type { ICargoParts } from '../interfaces.parts.js';
import { documentKey } from '../keys.cargo.js';
import { textInCrate } from '../wire/wire.crate.js';
import { crateOf } from './handlers.download.js';

const TEXT_TYPE = 'text/plain; charset=utf-8';

/**
 * GET /api/v1/crates/{crate}/{version}/readme: the readme as it is in the .crate file, which is read once for each
 * version of the document. A document of a thousand versions would be too large with a thousand readmes in it.
 */
export const getReadme = async (call: RegistryCall, cargo: ICargoParts): Promise<IResponse> => {
  const wanted = crateOf(call);
  const version = call.params.version as string;
  const key = documentKey(wanted);
  const stored = await call.storage.read<ICargoDocument>(key);
  if (!knownAs(stored?.value, wanted)) throw call.absent();
  const { maxUnpackedSize } = call.limits;
  const served = await call.serveDocument<ICargoDocument>(key, {
    // not with the name as the caller spells it: a crate would be unpacked again for each spelling
    variant: `readme of ${version}`,
    render: async (document) => {
      const found = Object.hasOwn(document.versions, version) ? document.versions[version] : undefined;
      const { readme } = found ?? {};
      if (!knownAs(document, wanted) || !found || readme === undefined || found.size > MAX_README_ARCHIVE) return null;
      const text = await cargo.reading.run([document.name], async () => {
        const opened = await cargo.storage.open(found.key);
        if (!opened || opened === 'notModified') return undefined;
        return textInCrate(iterate(opened.body), { name: document.name, version, maxUnpackedSize }, readme);
      });
      // an empty text is cached; without it each request for a readme that is not in the crate would unpack the crate
      return { body: text ?? '', contentType: TEXT_TYPE, lastModified: new Date(found.entry.pubtime) };
    },
  });
  if (!served || served.headers['Content-Length'] === '0')
    throw new RegistryError('notFound', `${wanted} ${version} has no readme in this registry`);
  return served;
};
