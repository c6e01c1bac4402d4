import { notFound } from '../../core/base/helpers.errors.js';
import type { IResponse } from '../../core/interfaces.core.js';
import { MAX_HITS } from '../../core/listing/search/helpers.pages.js';
import type { ISearchHit } from '../../core/listing/search/interfaces.search.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import type { IListingRender } from '../../core/pipeline/serving/helpers.listing.js';
import { readableFilter } from '../../core/pipeline/serving/helpers.readable.js';
import { isEmpty } from '../helpers.document.js';
import type { IMavenDocument, IMavenEntry } from '../interfaces.maven.js';
import type { IMavenParts } from '../interfaces.parts.js';
import { documentKeyOf } from '../keys.maven.js';
import { renderArtifact, renderEntry, renderOneVersion } from '../wire/wire.browse.js';
import { type IArtifactName, nameOf } from '../wire/wire.coordinates.js';
import { parseSearch } from '../wire/wire.search.js';

const JSON_TYPE = 'application/json';

const artifactsRender: IListingRender<IMavenEntry> = {
  contentType: JSON_TYPE,
  header: '{"artifacts":[\n',
  entry: (_name, entry) => JSON.stringify(renderEntry(entry)),
  separator: ',\n',
  footer: '\n]}\n',
};

/** GET /-/artifacts: all artifacts, without their versions. */
export const listArtifacts = (call: RegistryCall, { catalog }: IMavenParts): Promise<IResponse> =>
  call.serveListing(catalog, { variant: 'json', render: artifactsRender });

/** GET /-/artifacts/{group}/{artifact}, and …/{version}. */
export const getArtifact = async (call: RegistryCall): Promise<IResponse> => {
  const { version, ...name } = call.params as unknown as IArtifactName & { version?: string };
  const key = documentKeyOf(name);
  const served = await call.serveDocument<IMavenDocument>(key, {
    variant: `json ${version ?? ''}`,
    about: { kind: 'document', packageName: nameOf(name), version, contentType: JSON_TYPE },
    repeatable: true,
    render: (document, publicUrl) => {
      const body =
        version === undefined ? renderArtifact(document, publicUrl) : renderOneVersion(document, version, publicUrl);
      return body && { body, contentType: JSON_TYPE, lastModified: new Date(document.modified) };
    },
  });
  if (served) return served;
  const found = await call.storage.read<IMavenDocument>(key);
  if (!found || isEmpty(found.value)) throw call.absent();
  throw notFound(`${nameOf(name)}:${version} is not in this registry`);
};

/** GET /-/search?q=…&per_page=…&page=… */
export const search = async (call: RegistryCall, maven: IMavenParts): Promise<object> => {
  const { text, from, size } = parseSearch((name) => call.query(name));
  const filter = readableFilter<ISearchHit<IMavenEntry>>(call, {
    protocol: call.protocol,
    type: 'artifact',
    action: 'read',
  });
  const hits = await maven.search.search(text, { most: MAX_HITS, filter });
  return { total: hits.length, artifacts: hits.slice(from, from + size).map(({ entry }) => renderEntry(entry)) };
};
