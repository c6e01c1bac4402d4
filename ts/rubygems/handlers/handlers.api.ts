import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { byNewest, latestOf, listedBuilds } from '../helpers.document.js';
import type { IGemBuild, IGemDocument } from '../interfaces.rubygems.js';
import { documentKey } from '../keys.rubygems.js';
import { renderBuild, renderGem, renderVersion } from '../wire/wire.json.js';
import { RUBY } from '../wire/wire.platforms.js';
import { isVersion, normalizeVersion } from '../wire/wire.versions.js';
import { gemOf } from './handlers.index.js';

const JSON_TYPE = 'application/json; charset=utf-8';

/** Serves what `render` makes of a gem; throws `notFound` if that is null. */
const serve = async (
  call: RegistryCall,
  variant: string,
  render: (document: IGemDocument, publicUrl: string) => object | null,
): Promise<IResponse> => {
  const name = gemOf(call);
  const served = await call.serveDocument<IGemDocument>(documentKey(name), {
    variant: `json ${variant}`,
    about: { kind: 'document', packageName: name, contentType: JSON_TYPE },
    render: (document, publicUrl) => {
      const body = render(document, publicUrl);
      return body && { body, contentType: JSON_TYPE, lastModified: new Date(document.modified) };
    },
  });
  if (!served) throw call.absent();
  return served;
};

/** GET /api/v1/gems/{gem}.json. */
export const getGemJson = (call: RegistryCall): Promise<IResponse> =>
  serve(call, 'gem', (document, publicUrl) => {
    const latest = latestOf(document);
    return latest && renderGem(latest, publicUrl);
  });

/** GET /api/v1/versions/{gem}.json: all builds, the newest version first. */
export const listVersions = (call: RegistryCall): Promise<IResponse> =>
  serve(call, 'versions', (document) => {
    const builds = listedBuilds(document).sort(byNewest);
    return builds.length === 0 ? null : builds.map(renderVersion);
  });

/** GET /api/v1/versions/{gem}/latest.json. */
export const getLatest = (call: RegistryCall): Promise<IResponse> =>
  serve(call, 'latest', (document) => {
    const latest = latestOf(document);
    return latest && { version: latest.spec.version };
  });

/** GET /api/v2/rubygems/{gem}/versions/{version}.json?platform=…: without a platform `ruby`, else the only build. */
export const getVersionJson = (call: RegistryCall): Promise<IResponse> => {
  const text = call.params.version as string;
  if (!isVersion(text)) throw call.absent();
  const version = normalizeVersion(text);
  const platform = call.query('platform');
  const chosen = (builds: IGemBuild[]): IGemBuild | undefined =>
    platform === undefined
      ? (builds.find(({ spec }) => spec.platform === RUBY) ?? builds[0])
      : builds.find(({ spec, slug }) => spec.platform === platform || slug === `${version}-${platform}`);
  // of a platform only its beginning is a part of the key of the cache: no longer one is stored
  return serve(call, `version ${version} ${platform?.slice(0, 100) ?? ''}`, (document, publicUrl) => {
    const build = chosen(listedBuilds(document).filter(({ spec }) => spec.version === version));
    return build ? renderBuild(build, publicUrl) : null;
  });
};
