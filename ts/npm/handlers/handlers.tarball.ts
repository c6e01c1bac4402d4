import { streamToBuffer } from '../../core/base/helpers.streams.js';
import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { absentName } from '../../core/pipeline/helpers.refusal.js';
import type { INpmArtifact, INpmDocument } from '../interfaces.npm.js';
import type { INpmParts } from '../interfaces.parts.js';
import { documentKey, TARBALL_TYPE } from '../keys.npm.js';
import { versionOfFile } from '../wire/wire.names.js';
import { packageOf } from './handlers.packument.js';

/** The artifact that the document names. An object that it does not name does not exist, whatever the store lists. */
const artifactOf = (document: INpmDocument | undefined, version: string | null): INpmArtifact | null => {
  const artifacts = document?._registry.artifacts;
  if (!artifacts || version === null || !Object.hasOwn(artifacts, version)) return null;
  return artifacts[version] as INpmArtifact;
};

/** GET /{package}/-/{file}. With `allowRepublish` a file name may get other bytes, so caches must revalidate. */
export const getTarball = async (call: RegistryCall, npm: INpmParts): Promise<IResponse> => {
  const name = packageOf(call);
  const file = call.params.file as string;
  const version = versionOfFile(name, file);
  const key = documentKey(name);
  const document = await call.storage.read<INpmDocument>(key);
  const artifact = artifactOf(document?.value, version);
  const served =
    document &&
    artifact &&
    (await call.serveArtifact(artifact.key, {
      listedBy: { key, etag: document.etag },
      size: artifact.size,
      contentType: TARBALL_TYPE,
      etag: artifact.sha1,
      immutable: !npm.config.allowRepublish,
      about: {
        kind: 'artifact',
        packageName: name,
        version: version as string,
        size: artifact.size,
        digest: `sha512:${artifact.sha512}`,
        contentType: TARBALL_TYPE,
      },
    }));
  if (!served) throw absentName(`${name}/-/${file}`);
  return served;
};

/** GET /-/npm/v1/attestations/{package}@{version}: verified by `npm audit signatures`. */
export const getAttestations = async (call: RegistryCall): Promise<object> => {
  const name = packageOf(call);
  const version = call.params.version as string;
  const document = (await call.storage.read<INpmDocument>(documentKey(name)))?.value;
  const artifact = artifactOf(document, version);
  const about = { kind: 'artifact', packageName: name, version } as const;
  const found = artifact?.provenance && (await call.storage.open(artifact.provenance.key, {}, about));
  if (!document || !found || found === 'notModified') throw absentName(`A provenance of ${name}@${version}`);
  const bundle: unknown = JSON.parse((await streamToBuffer(found.body)).toString('utf8'));
  const { attestations } = (document.versions[version] as INpmDocument['versions'][string]).dist;
  return { attestations: [{ predicateType: attestations?.provenance.predicateType, bundle }] };
};
