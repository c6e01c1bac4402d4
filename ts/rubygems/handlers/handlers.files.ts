import { streamToBuffer } from '../../core/base/helpers.streams.js';
import type { RegistryError } from '../../core/classes.registryerror.js';
import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { respond } from '../../core/pipeline/helpers.http.js';
import { buildOf } from '../helpers.document.js';
import type { IGemParts } from '../interfaces.parts.js';
import type { IGemBuild, IGemDocument } from '../interfaces.rubygems.js';
import { ATTESTATIONS_TYPE, documentKey, GEM_TYPE } from '../keys.rubygems.js';
import { splitBuildName } from '../wire/wire.names.js';
import { renderQuick } from '../wire/wire.quick.js';

const QUICK_TYPE = 'application/octet-stream';

interface IFound {
  build: IGemBuild;
  document: { key: string; etag: string };
  /** no document of another gem was looked at: the answer depends on this one only */
  isCertain: boolean;
}

/** The same answer as for a gem that the caller may not see. */
const missing = (call: RegistryCall): RegistryError => {
  const build = call.params.build as string;
  return call.absent(splitBuildName(build)[0]?.name ?? build.slice(0, 300));
};

/**
 * The listed build in the path. The path can mean builds of several gems (see `splitBuildName`); rights are checked
 * before anything is looked up. Throws as `authorize` does if the caller may read none of them.
 */
const findBuild = async (call: RegistryCall): Promise<IFound> => {
  const choices = splitBuildName(call.params.build as string);
  const [first] = choices;
  if (!first) throw missing(call);
  let lookedAt = 0;
  for (const { name, slug } of choices) {
    if (!(await call.can({ type: 'gem', name, action: 'read' }))) continue;
    lookedAt++;
    const key = documentKey(name);
    const stored = await call.storage.read<IGemDocument>(key);
    const build = buildOf(stored?.value, slug);
    if (!stored || !build || build.yankedAt !== undefined) continue;
    await call.authorize(name);
    return { build, document: { key, etag: stored.etag }, isCertain: lookedAt === 1 };
  }
  if (lookedAt === 0) await call.authorize(first.name);
  throw missing(call);
};

const aboutOf = ({ spec, slug }: IGemBuild) => ({ kind: 'artifact', packageName: spec.name, version: slug }) as const;

/** GET /gems/{gem}-{version}[-{platform}].gem. A yanked build is not served: in RubyGems a yank takes a gem back. */
export const getGem = async (call: RegistryCall, gems: IGemParts): Promise<IResponse> => {
  const { build, document, isCertain } = await findBuild(call);
  const { key, size, sha256 } = build;
  const options = {
    contentType: GEM_TYPE,
    etag: sha256,
    // a yank closes the address
    immutable: !gems.config.allowRepublish,
    reprDigest: sha256,
    about: { ...aboutOf(build), size, digest: `sha256:${sha256}`, contentType: GEM_TYPE },
  };
  // an answer from the cache would not notice that a gem with a longer name was pushed
  const served = isCertain
    ? await call.serveArtifact(key, { ...options, listedBy: document, size })
    : await call.serveObject(key, { ...options, immutable: false });
  if (!served) throw missing(call);
  return served;
};

/** GET /quick/Marshal.4.8/{build}.gemspec.rz: the gemspec, which `gem install` reads of each gem it installs. */
export const getQuick = async (call: RegistryCall): Promise<IResponse> => {
  const { build, document } = await findBuild(call);
  const { slug, createdAt } = build;
  const served = await call.serveDocument<IGemDocument>(document.key, {
    variant: `quick ${slug}`,
    about: { ...aboutOf(build), kind: 'document', contentType: QUICK_TYPE },
    render: (value) => {
      const current = buildOf(value, slug);
      if (!current || current.yankedAt !== undefined) return null;
      const body = renderQuick(current.spec);
      return { body, contentType: QUICK_TYPE, lastModified: new Date(createdAt), compressible: false };
    },
  });
  if (!served) throw missing(call);
  return served;
};

/** GET /api/v1/attestations/{build}.json: the bundles that were pushed with the gem. Nobody has verified them. */
export const getAttestations = async (call: RegistryCall): Promise<IResponse> => {
  const { build } = await findBuild(call);
  const { attestations } = build;
  if (!attestations) return respond(200, '[]', { 'Content-Type': ATTESTATIONS_TYPE });
  const found = await call.storage.open(attestations.key, {}, aboutOf(build));
  if (!found || found === 'notModified') throw missing(call);
  return respond(200, await streamToBuffer(found.body), { 'Content-Type': ATTESTATIONS_TYPE });
};
